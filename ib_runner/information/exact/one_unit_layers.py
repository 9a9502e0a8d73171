"""Layers of one unit behind layers of one unit: p(t|x) by quadrature, layer by layer.

Such a layer's pre-activation given x is a mixture of Gaussians on a line, and so is its T. Layer 1
may have any width, as a weighted sum of its units is one Gaussian: all integrals are
one-dimensional.
"""

from dataclasses import dataclass

import numpy as np

from ib_runner.information.exact.gaussian_layers import gaussians, is_gaussian
from ib_runner.information.exact.quadrature import (
    Integral,
    mixture_density,
    mixture_entropies,
    mixture_entropy,
    next_layer,
)
from ib_runner.information.sampling.sampler import Layer, Sampler

NEEDS = "one unit whose T given x is Gaussian, or one unit behind layers of that kind"
#: width of a panel of the integral over the layer below, in units of the smaller β of both layers
PANEL = 0.5
#: noise from the layers below is left out where it is less than this share of the layer's own β: I
#: then changes by the square of that share
_NOTHING = 1e-6


@dataclass(frozen=True)
class Line:
    """Mixtures of N(centre, beta²) on a line: one centre for each of N inputs where ``weights``
    is None, else centres [m] shared by all, with ``weights`` [N, m].
    """

    centres: np.ndarray
    beta: float
    weights: np.ndarray | None

    def entropies(self, groups: list[np.ndarray]) -> list[Integral]:
        """h(T) in nats for X uniform over each of ``groups``, choices of rows."""
        if self.weights is None:
            return [mixture_entropy(self.centres[rows], self.beta) for rows in groups]
        means = np.stack([self.weights[rows].mean(0) for rows in groups])
        return mixture_entropies(self.centres, self.beta, means)

    def density(self, t: np.ndarray) -> np.ndarray:
        """p(t) at ``t`` [n], for X uniform over all inputs."""
        mean = None if self.weights is None else self.weights.mean(0)
        return mixture_density(t, self.centres, self.beta, mean)


def is_line(sampler: Sampler, layer: Layer) -> bool:
    """Whether :func:`line` can be made of ``layer``."""
    if layer.dim != 1 or is_gaussian(sampler, layer):
        return layer.dim == 1 and layer.beta > 0
    below = sampler.layers[layer.number - 2]
    return sampler.plain is not None and (is_gaussian(sampler, below) or is_line(sampler, below))


def line(sampler: Sampler, layer: Layer, panel: float = PANEL) -> Line:
    """The mixture T of ``layer`` given x.

    The integral over a layer below has panels of width ``panel`` times the smaller β of the two
    layers.
    """
    if is_gaussian(sampler, layer):
        found = gaussians(sampler, layer)
        beta = layer.beta if layer.exact else float(found.covariance.sqrt())
        return Line(found.means[:, 0].numpy(), beta, None)
    below = _preactivation(sampler, layer, panel)
    if below.beta < _NOTHING * layer.beta:
        return Line(sampler.plain.activate(layer.number, below.centres), layer.beta, below.weights)
    centres, weights = next_layer(
        below.centres,
        below.beta,
        lambda u: sampler.plain.activate(layer.number, u),
        panel=panel * min(1.0, layer.beta / below.beta),
        kinks=(0.0,),
        weights=below.weights,
        next_beta=layer.beta,
    )
    return Line(centres, layer.beta, weights)


def _preactivation(sampler: Sampler, layer: Layer, panel: float) -> Line:
    """The mixture of the pre-activation of ``layer`` given x."""
    weights, bias = sampler.plain.affine(layer.number)
    below = sampler.layers[layer.number - 2]
    if is_gaussian(sampler, below):
        given = gaussians(sampler, below)
        spread = weights[0] @ given.covariance.numpy() @ weights[0]
        return Line(given.means.numpy() @ weights[0] + bias[0], float(np.sqrt(spread)), None)
    t = line(sampler, below, panel)
    slope = weights[0, 0]
    return Line(t.centres * slope + bias[0], t.beta * abs(slope), t.weights)
