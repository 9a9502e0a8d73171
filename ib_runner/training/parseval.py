"""Parseval regularisation, towards orthonormal rows (Cisse et al., 2017; supplement 7)."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from ib_runner.rules import NOT_NEGATIVE


class Parseval:
    """W ← W − α (W Wᵀ − I) W for each weight matrix, after every minibatch step."""

    def __init__(self, alpha: Annotated[float, NOT_NEGATIVE]):
        self.alpha = float(alpha)

    @torch.no_grad()
    def __call__(self, weights: Sequence[Tensor]) -> None:
        for w in weights:
            w.sub_(self.alpha * (w @ w.T @ w - w))


def regularized_weights(network: nn.Module, x: Tensor) -> list[Tensor]:
    """The matrices of all linear layers but the last, in forward order, found by a pass of ``x``.

    The last linear layer is the output layer. Convolutions are not regularised.
    """
    met: list[nn.Linear] = []
    handles = [
        module.register_forward_hook(lambda layer, *_: met.append(layer))
        for module in network.modules()
        if isinstance(module, nn.Linear)
    ]
    before = network.training
    try:
        with torch.no_grad():
            network.eval()(x.clone())  # a network may change its input in place
    finally:
        network.train(before)
        for handle in handles:
            handle.remove()
    return [layer.weight for layer in dict.fromkeys(met[:-1]) if layer is not met[-1]]
