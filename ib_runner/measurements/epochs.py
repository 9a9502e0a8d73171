"""The choice of the epochs to measure."""

from collections.abc import Sequence

import numpy as np

DEFAULT_COUNT = 84


def log_spaced(epochs: Sequence[int], count: int) -> list[int]:
    """``count`` of the positive, sorted ``epochs``, log-spaced, with the first and the last.

    As evenly as whole numbers allow; all ``epochs`` where there are no more than ``count``.
    """
    if len(epochs) <= count:
        return list(epochs)
    available = np.asarray(epochs)
    for n in range(count, len(epochs) * count):
        targets = np.geomspace(available[0], available[-1], n)
        chosen = np.unique(available[_nearest(available, targets)])
        if len(chosen) >= count:
            break
    # surplus epochs are dropped at the beginning, where they are dense, but never the first
    return np.delete(chosen, np.arange(1, 1 + len(chosen) - count)).tolist()


def _nearest(available: np.ndarray, targets: np.ndarray) -> np.ndarray:
    right = np.searchsorted(available, targets).clip(1, len(available) - 1)
    return right - (targets - available[right - 1] < available[right] - targets)


def _described(epochs: Sequence[int]) -> str:
    """All ``epochs`` as text, or their number and range where they are many."""
    if len(epochs) <= 12:
        return ", ".join(map(str, epochs))
    return f"{len(epochs)} from {epochs[0]} to {epochs[-1]}"


def measured_epochs(wanted: str | Sequence[int] | None, checkpointed: Sequence[int]) -> list[int]:
    """The epochs that ``wanted``, the value of ``measure.epochs``, stands for.

    None: 84 log-spaced epochs and epoch 0; "all": every checkpointed epoch; or a list. Raises
    ``ValueError`` naming the epochs that have no checkpoint.
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
