"""The class of all data sets: inputs and targets, with a fixed split into training and test."""

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
    """Inputs and targets: ``all`` of them in a fixed order, and the parts ``train`` and ``test``.

    ``n_classes`` is None for regression. ``augment``, if given, replaces each training batch
    [n, …] by randomly changed inputs [n, …], drawn from its second argument, a CPU generator.
    """

    train: Split
    test: Split
    all: Split
    n_classes: int | None
    augment: Callable[[Tensor, Generator], Tensor] | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the bytes of ``train`` and ``test``."""
        digest = hashlib.sha256()
        for split in (self.train, self.test):
            for tensor in (split.x, split.y):
                digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()


def random_split(data: Split, train_fraction: float, seed: int) -> tuple[Split, Split]:
    """Split ``data`` at random with ``seed``: ⌈train_fraction·n⌉ inputs to train, the rest to test.

    Raises ``ValueError`` where either part would be empty.
    """
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    n_train = int(len(data) * train_fraction + 0.5)
    if not 0 < n_train < len(data):
        raise ValueError(
            f"train_fraction={train_fraction} leaves {n_train} of {len(data)} inputs for "
            f"training and {len(data) - n_train} for test, and each needs one"
        )
    return data[order[:n_train].sort().values], data[order[n_train:].sort().values]
