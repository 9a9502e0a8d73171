"""Targets as rows of numbers, the losses that compare outputs with them, and counts of errors."""

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from ib_runner.datasets import Dataset, Split
from ib_runner.errors import UsageError

LOSSES = ("cross_entropy", "mse")


class Score(NamedTuple):
    """The mean loss on a split at one epoch, and its misclassified inputs (None: regression)."""

    loss: float
    errors: int | None


def target_rows(split: Split, n_classes: int | None) -> Tensor:
    """One row of targets for each input, float32 [n, k]: one-hot classes, or the values."""
    if n_classes is not None:
        return functional.one_hot(split.y, n_classes).float()
    return split.y.float().reshape(len(split), -1)


def check_loss(loss: str, dataset: Dataset) -> None:
    """Raise ``UsageError`` unless ``loss`` is a known loss and fits the data."""
    if loss not in LOSSES:
        raise UsageError(f"trainer.loss={loss}: one of {', '.join(LOSSES)} is needed")
    if loss == "cross_entropy" and dataset.n_classes is None:
        raise UsageError(
            "trainer.loss=cross_entropy: the data has no classes; take trainer.loss=mse"
        )


def mean_loss(loss: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of logits in nats, or mean squared error, of arrays [n, k].

    Raises ``UsageError`` where their shapes differ.
    """
    outputs = outputs.reshape(len(outputs), -1)
    if outputs.shape != targets.shape:
        raise UsageError(
            f"network: its output has {outputs.shape[1]} values an input, the data asks for "
            f"{targets.shape[1]}"
        )
    if loss == "cross_entropy":
        return functional.cross_entropy(outputs, targets.argmax(1))
    return functional.mse_loss(outputs, targets)


def count_errors(outputs: Tensor, targets: Tensor) -> int:
    """The number of inputs whose largest output is not at their own class."""
    return int((outputs.argmax(1) != targets.argmax(1)).sum())
