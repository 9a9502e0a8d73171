"""Noise channels T = S + Z: the stochastic part of a noisy network (section 2 of the paper).

Put one behind every hidden layer of your own ``nn.Module``; the k-th in forward order is layer k.
A channel is noisy in training mode and the identity in eval mode, like ``nn.Dropout``. T is always
a new tensor, with or without noise, so that changing T in place does not change S.
"""

import copy
from typing import Annotated

import torch
from torch import Tensor, nn

from ib_runner.rules import NOT_NEGATIVE, PROBABILITY


class NoiseChannel(nn.Module):
    """Base class of the channels from S (a layer's clean output) to T (its noisy output)."""

    #: standard deviation of additive Gaussian noise, in the unit of S; 0 for all other noise
    beta: float = 0.0
    #: probability with which a unit is dropped
    p: float = 0.0

    @property
    def kind(self) -> str:
        """The name of the noise in tables: gaussian, dropout, …, or a user's own class."""
        return type(self).__name__


class GaussianNoise(NoiseChannel):
    """T = S + Z with Z ~ N(0, beta² I), independent for every unit and every pass.

    Raises ``ValueError`` unless ``beta`` is a finite number ≥ 0.
    """

    def __init__(self, beta: Annotated[float, NOT_NEGATIVE]):
        super().__init__()
        if not 0.0 <= float(beta) < float("inf"):
            raise ValueError(f"noise.beta = {beta}: a finite standard deviation ≥ 0 is needed")
        self.beta = float(beta)

    @property
    def kind(self) -> str:
        return "gaussian"

    def forward(self, s: Tensor) -> Tensor:
        if not self.training or self.beta == 0.0:
            return s.clone()
        return torch.add(s, torch.randn_like(s), alpha=self.beta)

    def extra_repr(self) -> str:
        return f"beta={self.beta}"


class DropoutNoise(NoiseChannel):
    """T = S·B/(1 − p) with B ~ Bernoulli(1 − p) for every unit of every input.

    With ``feature_maps``, all units of a convolution's map, s[i, c, :, :], share one B, as in
    PyTorch's ``Dropout2d``; in other layers every unit has its own. Raises ``ValueError`` unless
    0 ≤ ``p`` < 1.
    """

    def __init__(self, p: Annotated[float, PROBABILITY], feature_maps: bool = False):
        super().__init__()
        if not 0.0 <= float(p) < 1.0:
            raise ValueError(f"noise.p = {p}: a probability 0 ≤ p < 1 is needed")
        self.p = float(p)
        self.feature_maps = bool(feature_maps)

    @property
    def kind(self) -> str:
        return "dropout_maps" if self.feature_maps else "dropout"

    def forward(self, s: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return s.clone()
        if self.feature_maps and s.ndim == 4:
            return nn.functional.dropout2d(s, self.p, self.training)
        return nn.functional.dropout(s, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, feature_maps={self.feature_maps}"


class NoNoise(NoiseChannel):
    """T = S: marks a hidden layer of a deterministic network."""

    @property
    def kind(self) -> str:
        return "none"

    def forward(self, s: Tensor) -> Tensor:
        return s.clone()


def at_noise_level(network: nn.Module, beta: float) -> nn.Module:
    """A copy of ``network`` in which every Gaussian channel has noise ``beta``."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, GaussianNoise):
            module.beta = GaussianNoise(beta).beta
    return network
