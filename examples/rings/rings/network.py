"""A residual network: every block adds to what it gets."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ib_runner.networks import NoiseChannel


class Residual(nn.Module):
    """T_1 = tanh(W_1 x) + Z and T_k = T_{k-1} + tanh(W_k T_{k-1}) + Z: layer k is channel k.

    ib-run gives ``n_inputs`` and ``n_outputs``, from the data, and ``noise``, which makes a new
    channel at each call; the rest are the keys of ``conf/network/residual.yaml``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        noise: Callable[[], NoiseChannel],
        width: int,
        blocks: int,
    ):
        super().__init__()
        self.first = nn.Linear(n_inputs, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.channels = nn.ModuleList(noise() for _ in range(blocks + 1))
        self.last = nn.Linear(width, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        t = self.channels[0](torch.tanh(self.first(x)))
        for block, channel in zip(self.blocks, self.channels[1:], strict=True):
            t = channel(t + torch.tanh(block(t)))
        return self.last(t)
