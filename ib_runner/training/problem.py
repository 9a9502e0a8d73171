"""A training problem: the network, data, loss, optimizer and schedule that a trainer gets."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from torch.utils.weak import WeakTensorKeyDictionary

from ib_runner.datasets import Dataset, Split
from ib_runner.training.schedule import Schedule
from ib_runner.training.targets import target_rows
from ib_runner.training.uncompiled import without_compiler


class Part(NamedTuple):
    """Inputs [n, …] and targets [n, k] of a split."""

    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Problem:
    """A training problem; ``network``, ``train``, ``test`` and ``optimizer`` are on one device.

    ``classes``: whether targets are classes, so that errors are counted. ``regularizer`` gets a
    list of weight matrices. ``augment`` distorts a step's inputs, with a CPU generator.
    """

    network: nn.Module
    train: Part
    test: Part
    classes: bool
    loss: str
    batch_size: int
    optimizer: Optimizer
    regularizer: Callable[[Sequence[Tensor]], None] | None
    schedule: Schedule
    seed: int
    augment: Callable[[Tensor, Generator], Tensor] | None = None


def part(
    split: Split, dataset: Dataset, device: torch.device, dtype: torch.dtype = torch.float32
) -> Part:
    """``split`` on ``device``, with targets as rows [n, k] and real inputs as ``dtype``.

    Inputs that another training has copied to the device are not copied again.
    """
    x = _moved(split.x, device, dtype if split.x.is_floating_point() else split.x.dtype)
    return Part(x, target_rows(split, dataset.n_classes).to(device, dtype))


#: copies of inputs on devices, by the original tensors
_COPIES: MutableMapping[Tensor, WeakValueDictionary] = WeakTensorKeyDictionary()


def _moved(x: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    copies = _COPIES.setdefault(x, WeakValueDictionary())
    moved = copies.get((device, dtype))
    if moved is None:
        moved = copies[device, dtype] = x.to(device, dtype)
    return moved


def _dtype(network: nn.Module) -> torch.dtype:
    """The floating type of the network's first parameter."""
    return next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)


def problem_of(
    network: nn.Module,
    dataset: Dataset,
    *,
    loss: str,
    batch_size: int | None,
    optimizer: Callable[..., Optimizer],
    regularizer: Callable[[Sequence[Tensor]], None] | None,
    schedule: Schedule,
    seed: int,
    device: torch.device,
) -> Problem:
    """The problem of training ``network`` on ``device``; arguments as for ``loop.prepare``."""
    network.to(device)
    dtype = _dtype(network)
    with without_compiler():
        made = optimizer(network.parameters())
    return Problem(
        network=network,
        train=part(dataset.train, dataset, device, dtype),
        test=part(dataset.test, dataset, device, dtype),
        classes=dataset.n_classes is not None,
        loss=loss,
        batch_size=min(batch_size or len(dataset.train), len(dataset.train)),
        optimizer=made,
        regularizer=regularizer,
        schedule=schedule,
        seed=seed,
        augment=dataset.augment,
    )
