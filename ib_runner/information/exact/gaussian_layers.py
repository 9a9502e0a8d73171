"""Layers whose T given x is one Gaussian, the same for all x but for its mean.

Layer 1 of any network, every layer without noise below, and all layers of linear networks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ib_runner.information.exact.linear_network import gaussian_layer, whitened
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.networks.hidden import hidden_layers
from ib_runner.networks.inputs import in_double

#: layers with more units are left to the certified lower bound: their pairs take minutes
MOST_UNITS = 1024
NEEDS = (
    "T given x to be Gaussian, as in layer 1 or a network of linear layers, "
    f"and at most {MOST_UNITS} units"
)


@dataclass(frozen=True)
class Gaussians:
    """T given x is N(``means``[x], ``covariance``): [N, d] and [d, d], float64."""

    means: Tensor
    covariance: Tensor

    @property
    def in_unit_noise(self) -> Tensor:
        """Points m(x) [N, d] for which m(x) + N(0, I) has the same information about x."""
        return whitened(self.means, self.covariance)


def is_gaussian(sampler: Sampler, layer: Layer) -> bool:
    """Whether T of ``layer`` given x is such a Gaussian, of not too many units."""
    known = layer.exact or sampler.linear_up_to(layer)
    return known and layer.beta > 0 and layer.dim <= MOST_UNITS


def gaussians(sampler: Sampler, layer: Layer) -> Gaussians:
    """The Gaussians of a layer for which :func:`is_gaussian` holds, in float64."""
    if not layer.exact:
        return Gaussians(*gaussian_layer(sampler.network, sampler.x, layer.number))
    network, x = in_double(sampler.network, sampler.x)
    hidden = hidden_layers(network, x, noise=False, last=layer.number)
    noise = layer.beta**2 * torch.eye(layer.dim, dtype=torch.float64)
    return Gaussians(hidden[-1].s.double().reshape(len(x), -1), noise)
