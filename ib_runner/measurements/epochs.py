"""Which epochs to measure."""

from collections.abc import Sequence

import numpy as np

DEFAULT_COUNT = 84


def log_spaced(epochs: Sequence[int], count: int) -> list[int]:
    """``count`` of the positive, sorted ``epochs``, spaced evenly in their logarithm as far as the
    integers allow, first and last included; all of them where there are no more.
    """
    if len(epochs) <= count:
        return list(epochs)
    available = np.asarray(epochs)
    for n in range(count, len(epochs) * count):
        targets = np.geomspace(available[0], available[-1], n)
        chosen = np.unique(available[_nearest(available, targets)])
        if len(chosen) >= count:
            break
    # surplus epochs are dropped at the crowded beginning, but never the first or last
    return np.delete(chosen, np.arange(1, 1 + len(chosen) - count)).tolist()


def _nearest(available: np.ndarray, targets: np.ndarray) -> np.ndarray:
    right = np.searchsorted(available, targets).clip(1, len(available) - 1)
    return right - (targets - available[right - 1] < available[right] - targets)


def _described(epochs: Sequence[int]) -> str:
    """All of them, or where they are many their number and range."""
    if len(epochs) <= 12:
        return ", ".join(map(str, epochs))
    return f"{len(epochs)} from {epochs[0]} to {epochs[-1]}"


def measured_epochs(wanted: str | Sequence[int] | None, checkpointed: Sequence[int]) -> list[int]:
    """``measure.epochs``: None = 84 log-spaced ones and epoch 0, ``all``, or a list.

    Raises ``ValueError`` naming the epochs that have no checkpoint.
    """
    if wanted is None:
        later = [epoch for epoch in checkpointed if epoch > 0]
        return [epoch for epoch in checkpointed if epoch == 0] + log_spaced(later, DEFAULT_COUNT)
    if isinstance(wanted, str):  # all
        return list(checkpointed)
    missing = sorted(set(wanted) - set(checkpointed))
    if missing:
        raise ValueError(
            f"measure.epochs: no checkpoint of epoch {', '.join(map(str, missing[:5]))}; "
            f"there are {_described(checkpointed)}"
        )
    return sorted(set(wanted))
