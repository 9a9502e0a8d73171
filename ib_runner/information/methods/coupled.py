"""The certified interval: both bounds for few units, the lower bound for many.

See ``interval.bounds`` and ``interval.high_dimensional`` for what they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ib_runner.information.estimate import Values
from ib_runner.information.interval import coupled, high_dimensional
from ib_runner.information.methods.base import Method
from ib_runner.information.sampling.sampler import Layer
from ib_runner.information.task import Task


@dataclass(frozen=True)
class _Prepared:
    few: coupled.Prepared | None
    many: high_dimensional.Prepared | None


class Coupled(Method):
    """A certified 95 % interval on I(X;T), and on I(Y;T) given labels."""

    name = "coupled"
    labels = True

    def prepare(self, task: Task) -> _Prepared:
        few = [layer for layer in task.layers if layer.dim <= high_dimensional.MANY_UNITS]
        many = [layer for layer in task.layers if layer.dim > high_dimensional.MANY_UNITS]
        return _Prepared(
            coupled.prepare(replace(task, layers=few)) if few else None,
            high_dimensional.prepare(replace(task, layers=many)) if many else None,
        )

    def values(self, task: Task, layer: Layer, prepared: _Prepared) -> Mapping[str, Values]:
        if layer.dim <= high_dimensional.MANY_UNITS:
            return coupled.values(task, layer, prepared.few)
        return high_dimensional.values(task, layer, prepared.many)
