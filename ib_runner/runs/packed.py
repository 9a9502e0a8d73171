"""An epoch's weights in one flat array, split into tensors only when they are read.

A small network trains an epoch in a millisecond, and making one tensor takes some microseconds. So
keeping an epoch copies one array, and a shard of a hundred epochs makes one tensor for each name.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

#: by name: a tensor's offset in the flat array, in values, and its shape
Layout = Mapping[str, tuple[int, tuple[int, ...]]]


class Packed(Mapping[str, Tensor]):
    """The tensors of ``layout`` in the array ``flat`` (float32), which must not be changed."""

    def __init__(self, layout: Layout, flat: np.ndarray):
        self.layout = layout
        self.flat = flat

    def __getitem__(self, name: str) -> Tensor:
        start, shape = self.layout[name]
        return torch.from_numpy(self.flat[start : start + math.prod(shape)]).view(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout)

    def __len__(self) -> int:
        return len(self.layout)


def stacked(epochs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of several epochs, each name's stacked: [n, …], on the CPU."""
    first = epochs[0]
    packed = [one for one in epochs if isinstance(one, Packed)]
    if (
        isinstance(first, Packed)
        and len(packed) == len(epochs)
        and all(one.layout is first.layout for one in packed)
    ):
        rows = torch.from_numpy(np.stack([one.flat for one in packed]))
        return {
            name: rows[:, start : start + math.prod(shape)].reshape(len(rows), *shape).contiguous()
            for name, (start, shape) in first.layout.items()
        }
    return {name: torch.stack([one[name].detach().cpu() for one in epochs]) for name in first}
