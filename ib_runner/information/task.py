"""The inputs of every estimator: a task (layers, X, Y, draws) and its settings (sizes, budget)."""

import math
from dataclasses import dataclass, fields

from ib_runner.information.estimate import Status, Values
from ib_runner.information.labels import Labels
from ib_runner.information.sampling.sampler import Layer, Sampler

_LEAST = {"n_x": 2, "n_o": 1, "n_mc": 2, "budget": 1}


@dataclass(frozen=True)
class Settings:
    """The settings of an estimate; sizes that are None are chosen for ``target_width``, nats.

    ``n_x``, ``n_o``: draws per input in its cloud A (evaluation points) and cloud B (densities);
    ``n_mc``: evaluation points per input; ``budget``: kernel evaluations for one layer.

    Raises ``ValueError`` for sizes and widths that are too small, or are not numbers.
    """

    target_width: float = 0.05
    n_x: int | None = None
    n_o: int | None = None
    n_mc: int | None = None
    budget: int | None = None

    def __post_init__(self):
        if not 0 < self.target_width < math.inf:
            raise ValueError(f"target_width = {self.target_width}: a finite number > 0 is needed")
        for field in fields(self):
            size = getattr(self, field.name)
            if field.name not in _LEAST or size is None:
                continue
            least = _LEAST[field.name]
            if size != size or size < least or (field.name != "budget" and size != int(size)):
                raise ValueError(f"{field.name} = {size}: a whole number ≥ {least} is needed")


@dataclass(frozen=True)
class Task:
    """Estimate I(X;T) of ``layers``, all with Gaussian noise, from draws of ``sampler``.

    ``inputs`` are the classes of equal inputs: their entropy is H(X). ``labels`` None: no I(Y;T).
    """

    sampler: Sampler
    layers: list[Layer]
    inputs: Labels
    labels: Labels | None
    settings: Settings

    @property
    def targets(self) -> list[tuple[str, Labels]]:
        """The random variables whose information is estimated: X as "x" and, if asked, Y as "y"."""
        return [("x", self.inputs)] + ([] if self.labels is None else [("y", self.labels)])


def nothing_certified(task: Task) -> dict[str, Values]:
    """The interval [0, H] for every target: the budget is too small to narrow it."""
    return {
        target: Values(lower=0.0, upper=of.entropy, status=Status.NOT_CERTIFIED)
        for target, of in task.targets
    }
