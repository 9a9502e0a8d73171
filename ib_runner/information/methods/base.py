"""What every estimator is: an object that says which layers it is for, and estimates them.

Timing and rows are written here, once; a method gives values.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from ib_runner.information.estimate import Estimate, Values
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task


class Method(ABC):
    """``name``: that of its rows. ``needs``: what a layer must have for :meth:`covers` to hold.

    ``labels``: whether it estimates I(Y;T) as well.
    """

    name: ClassVar[str]
    needs: ClassVar[str] = "Gaussian noise"
    labels: ClassVar[bool] = False

    def covers(self, sampler: Sampler, layer: Layer) -> bool:
        """Whether this method is for ``layer``, which has Gaussian noise."""
        return True

    def prepare(self, task: Task) -> object:
        """What all layers share, such as draws; handed to every call of :meth:`values`."""
        return None

    @abstractmethod
    def values(self, task: Task, layer: Layer, prepared: object) -> Mapping[str, Values]:
        """The estimates of ``layer`` by target, "x" and, given labels, "y"."""

    def estimates(self, task: Task) -> list[Estimate]:
        """Estimates for all of the task's layers; the time of ``prepare`` is shared out evenly."""
        if not task.layers:
            return []
        started = time.perf_counter()
        prepared = self.prepare(task)
        shared = (time.perf_counter() - started) / len(task.layers)
        found = []
        for layer in task.layers:
            started = time.perf_counter()
            of_targets = self.values(task, layer, prepared)
            seconds = (shared + time.perf_counter() - started) / len(of_targets)
            found += [
                Estimate.of(layer, target, self.name, values, seconds)
                for target, values in of_targets.items()
            ]
        return found
