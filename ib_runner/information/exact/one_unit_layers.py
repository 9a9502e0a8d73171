"""Layers of one unit behind layers of one unit: p(t|x) by quadrature, layer by layer.

Such a layer's input is a mixture of Gaussians on a line, and so is its T: from the first layer on
(of any width: what the next unit sees of it is a Gaussian) all integrals are one-dimensional.
"""

import time
from dataclasses import dataclass

import numpy as np

from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.exact.gaussian_layers import gaussians, is_gaussian
from ib_runner.information.exact.quadrature import (
    Integral,
    mixture_density,
    mixture_entropies,
    mixture_entropy,
    next_layer,
)
from ib_runner.information.labels import Labels
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task, estimate_of

NEEDS = "one unit whose T given x is Gaussian, or one unit behind layers of that kind"
#: panels of the integral over the layer below: in units of its noise, and of this layer's
PANEL = 0.5
#: noise from below that is less than this share of the layer's own changes I by its square
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
    """T of ``layer`` given x; the integrals over the layers below have panels of ``panel`` times
    the smaller one of the two layers' noises.
    """
    if is_gaussian(sampler, layer):
        found = gaussians(sampler, layer)
        return Line(found.means[:, 0].numpy(), float(found.covariance.sqrt()), None)
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
    """What ``layer`` applies its activation to, given x."""
    weights, bias = sampler.plain.affine(layer.number)
    below = sampler.layers[layer.number - 2]
    if is_gaussian(sampler, below):
        given = gaussians(sampler, below)
        spread = weights[0] @ given.covariance.numpy() @ weights[0]
        return Line(given.means.numpy() @ weights[0] + bias[0], float(np.sqrt(spread)), None)
    t = line(sampler, below, panel)
    slope = weights[0, 0]
    return Line(t.centres * slope + bias[0], t.beta * abs(slope), t.weights)


def estimates(task: Task) -> list[Estimate]:
    """I(X;T), and I(Y;T) given labels, for layers of one unit; the intervals are the integrals'
    numerical error.
    """
    found = []
    for layer in task.layers:
        started = time.perf_counter()
        fine, coarse = (line(task.sampler, layer, panel) for panel in (PANEL, 2 * PANEL))
        everything = np.arange(len(task.sampler))
        (h_t,), (rough,) = fine.entropies([everything]), coarse.entropies([everything])
        for target, of in task.targets:
            given, roughly_given = (_conditional(one, of) for one in (fine, coarse))
            value = h_t.value - given.value
            error = h_t.error + given.error
            if fine.weights is not None:
                error += abs(value - (rough.value - roughly_given.value))
            bounds = np.clip([value - error, value + error], 0.0, of.entropy)
            found.append(
                estimate_of(
                    layer,
                    target=target,
                    method="quadrature",
                    mi=float(np.clip(value, *bounds)),
                    stderr=0.0,
                    lower=float(bounds[0]),
                    upper=float(bounds[1]),
                    h_t=h_t.value if target == "x" else None,
                    h_t_given_x=given.value if target == "x" else None,
                    status=Status.of(*bounds, of.entropy, task.settings.target_width),
                    seconds=(time.perf_counter() - started) / len(task.targets),
                )
            )
    return found


def _conditional(given_x: Line, of: Labels) -> Integral:
    """h(T|label), the mean over ``of``'s classes."""
    if given_x.weights is None and of.sizes.max() == 1:
        return Integral(0.5 * float(np.log(2 * np.pi * np.e * given_x.beta**2)), 0.0)
    shares = np.bincount(of.classes) / len(of.classes)
    parts = given_x.entropies([np.flatnonzero(of.classes == c) for c in range(len(shares))])
    value = sum(share * part.value for share, part in zip(shares, parts, strict=True))
    return Integral(float(value), max(part.error for part in parts))
