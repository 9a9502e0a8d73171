"""Layers whose T given x is a Gaussian with the same covariance for all x.

Layer 1 of any network, every layer without noise below, and all layers of linear networks.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ib_runner.information.exact.linear_network import gaussian_layer, whitened
from ib_runner.information.sampling.sampler import Layer, Sampler

#: the most units: in wider layers the distances of all pairs of means take minutes
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


def is_gaussian(sampler: Sampler, layer: Layer) -> bool:
    """Whether T of ``layer`` given x is such a Gaussian, with at most ``MOST_UNITS`` units."""
    known = layer.exact or sampler.linear_up_to(layer)
    return known and layer.beta > 0 and layer.dim <= MOST_UNITS


def gaussians(sampler: Sampler, layer: Layer) -> Gaussians:
    """The Gaussians of a layer for which :func:`is_gaussian` holds.

    The means of exact layers are S as the network computes it; others are computed in float64.
    """
    if not layer.exact:
        return Gaussians(*gaussian_layer(sampler.network, sampler.x, layer.number))
    means = torch.from_numpy(sampler.exact_s(layer.number).astype(np.float64))
    return Gaussians(means, layer.beta**2 * torch.eye(layer.dim, dtype=torch.float64))


def rounding(sampler: Sampler, layer: Layer) -> float:
    """A bound on how much float32 rounding changes I(X;T) from that of :func:`gaussians`, nats.

    0 in exact layers, whose means are as the network computes them.
    """
    return 0.0 if layer.exact else sampler.rounding(layer)


def in_unit_noise(sampler: Sampler, layer: Layer) -> tuple[Tensor, float]:
    """Points m(x) [N, d] and σ for which m(x) + N(0, σ²·I) has the layer's I(X;T)."""
    found = gaussians(sampler, layer)
    if layer.exact:
        return found.means, layer.beta
    return whitened(found.means, found.covariance), 1.0
