"""The base class of all estimators: the layers that a method covers, and its estimates for them.

The base class measures times and makes ``Estimate`` objects; a method computes ``Values``.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ib_runner.information.estimate import Estimate, Status, Values
from ib_runner.information.sampling.extent import extents
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task, nothing_certified
from ib_runner.progress import Progress, showing


class Method(ABC):
    """An estimator, called ``name`` in tables; ``needs`` says in words which layers it covers.

    ``labels``: whether it estimates I(Y;T) as well. ``farthest``: the largest distance between two
    draws of S of one input, in β, for which its floating-point arithmetic is exact enough.
    """

    name: ClassVar[str]
    needs: ClassVar[str] = "Gaussian noise"
    farthest: ClassVar[float] = math.inf
    labels: ClassVar[bool] = False

    def covers(self, sampler: Sampler, layer: Layer) -> bool:
        """Whether this method can estimate ``layer``, which has Gaussian noise."""
        return True

    def prepare(self, task: Task) -> object:
        """Data that all layers share, such as draws; handed to each call of :meth:`values`."""
        return None

    @abstractmethod
    def values(self, task: Task, layer: Layer, prepared: object) -> Mapping[str, Values]:
        """The estimates of ``layer`` by target, "x" and, given labels, "y"."""

    def estimates(self, task: Task, progress: bool = False) -> list[Estimate]:
        """Estimates for all of the task's layers; the time of ``prepare`` is divided evenly.

        ``progress``: show how many layers are finished.
        """
        with (
            showing(progress),
            Progress(len(task.layers), self.name, "layer", doing="what all layers share") as bar,
        ):
            return self._estimates(task, bar)

    def _estimates(self, task: Task, bar: Progress) -> list[Estimate]:
        if not task.layers:
            return []
        started = time.perf_counter()
        known = self._known(task)
        possible = [layer for layer in task.layers if layer.number not in known]
        prepared = self.prepare(replace(task, layers=possible)) if possible else None
        shared = (time.perf_counter() - started) / len(task.layers)
        found = []
        for layer in task.layers:
            bar.doing(f"layer {layer.number}")
            started = time.perf_counter()
            of_targets = known.get(layer.number) or self.values(task, layer, prepared)
            seconds = (shared + time.perf_counter() - started) / len(of_targets)
            found += [
                Estimate.of(layer, target, self.name, values, seconds)
                for target, values in of_targets.items()
            ]
            bar.update()
        return found

    def _known(self, task: Task) -> dict[int, dict[str, Values]]:
        """The values of layers that cannot be computed: ``failed``, or the interval [0, H]."""
        found = {}
        for number, extent in extents(task.sampler, task.layers).items():
            s = task.sampler.exact_s(number)
            if math.isnan(extent) or (s is not None and not np.isfinite(s).all()):
                found[number] = {target: Values(status=Status.FAILED) for target, _ in task.targets}
            elif extent > self.farthest:
                found[number] = nothing_certified(task)
        return found
