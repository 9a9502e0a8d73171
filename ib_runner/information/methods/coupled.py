"""The certified interval, for layers of any width: see ``interval.coupled``."""

from collections.abc import Mapping

from ib_runner.information.estimate import Values
from ib_runner.information.interval import coupled
from ib_runner.information.methods.base import Method
from ib_runner.information.sampling.sampler import Layer
from ib_runner.information.task import Task


class Coupled(Method):
    """A certified 95 % interval on I(X;T), and on I(Y;T) given labels."""

    name = "coupled"
    labels = True
    # float32 coordinates relative to an input's first draw round the noise of farther points, in a
    # way that depends on the input: the estimate would not be that of S + Z
    farthest = 2.0**16

    def prepare(self, task: Task) -> coupled.Prepared:
        return coupled.prepare(task)

    def values(self, task: Task, layer: Layer, prepared: coupled.Prepared) -> Mapping[str, Values]:
        return coupled.values(task, layer, prepared)
