"""Schedules: the learning rate of each epoch, relative to the optimizer's ``lr``."""

from collections.abc import Callable

#: maps an epoch (1, 2, …) to the factor of its learning rate
Schedule = Callable[[int], float]


def constant(epoch: int) -> float:
    """The same learning rate in every epoch."""
    return 1.0


def geometric(ratio: float, horizon: int) -> Schedule:
    """A factor that falls geometrically from 1 in epoch 1 to ``ratio`` in epoch ``horizon``.

    The factor goes on falling after epoch ``horizon``, and does not depend on the number of epochs
    of the run. Section 8.3 has ratio 1/10 over 128 epochs. Raises ``ValueError`` unless ratio > 0
    and horizon ≥ 2.
    """
    if not 0 < ratio < float("inf") or horizon is None or horizon < 2:
        raise ValueError(
            f"lr_ratio = {ratio}, horizon = {horizon}: a ratio > 0 and a horizon ≥ 2 are needed"
        )
    return lambda epoch: ratio ** ((epoch - 1) / (horizon - 1))


def schedule(name: str, lr_ratio: float, horizon: int | None) -> Schedule:
    """The schedule called ``name``: constant or geometric."""
    return geometric(lr_ratio, horizon) if name == "geometric" else constant
