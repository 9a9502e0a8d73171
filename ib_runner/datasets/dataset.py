"""What every data set is: inputs and targets, split once and for all."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Split:
    """Inputs ``x`` [n, …] (float32) and targets ``y`` [n]: int64 classes, or float32 values."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Tensor) -> "Split":
        return Split(self.x[index], self.y[index])


@dataclass(frozen=True)
class Dataset:
    """``all`` holds every input in its canonical order; ``train`` and ``test`` are parts of it.

    ``n_classes`` is None for regression. ``augment`` makes new inputs from a batch [n, …] of
    training inputs each time it is selected; its random numbers come from the generator, on the
    CPU.
    """

    train: Split
    test: Split
    all: Split
    n_classes: int | None
    augment: Callable[[Tensor, Generator], Tensor] | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the bytes of both splits."""
        digest = hashlib.sha256()
        for split in (self.train, self.test):
            for tensor in (split.x, split.y):
                digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def random_split(data: Split, train_fraction: float, seed: int) -> tuple[Split, Split]:
    """Split at random, a function of ``seed`` alone: round-up share for training, rest for test.

    Raises ``ValueError`` where either would be empty.
    """
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    n_train = int(len(data) * train_fraction + 0.5)
    if not 0 < n_train < len(data):
        raise ValueError(
            f"train_fraction={train_fraction} leaves {n_train} of {len(data)} inputs for "
            f"training and {len(data) - n_train} for test, and each needs one"
        )
    return data[order[:n_train].sort().values], data[order[n_train:].sort().values]
