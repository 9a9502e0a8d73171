"""Tensors that lie in one flat array and become tensors when they are asked for.

A small network's epoch takes a millisecond, a tensor's view some microseconds: an epoch that is
kept costs one copy, and a shard of a hundred epochs one view for each name.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

#: where tensors lie in a flat array, and their shapes, by name
Layout = Mapping[str, tuple[int, tuple[int, ...]]]


class Packed(Mapping[str, Tensor]):
    """The tensors of ``layout`` in the array ``flat`` (float32), which nobody changes."""

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
