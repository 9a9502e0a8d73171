"""The paper's estimator (eq. (1)) by Monte Carlo integration (eq. (14)): h(T) and h(T|X) apart.

h(p̂_S ∗ φ_β) − (1/N) Σ_x h(p̂_{S|x} ∗ φ_β), with n_x draws of every input. The one difference to
the paper: n_mc evaluation points per input, their centre drawn uniformly from the input's cloud,
instead of n_mc per centre, with the same expectation. The estimator is consistent, but its error at
finite n_x is unknown.
"""

from dataclasses import dataclass

import numpy as np
import torch

from ib_runner.information.density.mixture_density import log_mixture_density
from ib_runner.information.estimate import Status, Values
from ib_runner.information.interval.clouds import in_noise_units
from ib_runner.information.interval.kernels import own_cloud_densities
from ib_runner.information.interval.mixtures import LN2, unit
from ib_runner.information.methods.base import Method
from ib_runner.information.sampling.coordinates import about_origin
from ib_runner.information.sampling.normal_numbers import normals
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream
from ib_runner.information.task import Task

N_X = 1000
N_MC = 2
_BLOCK = 256


@dataclass(frozen=True)
class Entropies:
    """h(T) and h(T|X) in nats, and the standard error of their difference's Monte Carlo mean."""

    h_t: float
    h_t_given_x: float
    stderr: float


def _points(sampler, layer, first, cloud, n_mc, rng):
    """``n_mc`` points for each input of ``cloud`` [n, d, n_x] (noise units), and their centres."""
    n, dim, n_x = cloud.shape
    centre = rng.integers(n_x, size=(n, 1, n_mc))
    s = np.take_along_axis(cloud, centre, axis=2)
    z = np.empty((n, dim, n_mc + n_mc % 2), np.float32)
    normals(n, sampler.seed, Stream.PAPER_POINTS.of_layer(layer.number), first, z)
    return s + z[:, :, :n_mc] / np.float32(np.sqrt(2 * LN2)), s


def _stderr(terms: np.ndarray) -> float:
    """Standard error of the mean of ``terms``; within inputs if each has two points or more."""
    n, m = terms.shape
    spread = terms.var(1, ddof=1).mean() if m > 1 else terms.var(ddof=1)
    return float(np.sqrt(spread / (n * m)))


def entropies(sampler: Sampler, layer: Layer, n_x: int, n_mc: int) -> Entropies:
    """Both terms of eq. (1), with ``n_x`` draws and ``n_mc`` points for every input.

    Both terms are means over the same points, whose distribution is right for either; their
    difference varies far less than each term.
    """
    n, dim = len(sampler), layer.dim
    n_x = 1 if layer.exact else n_x
    rng = np.random.default_rng([sampler.seed, layer.number])
    centres = np.empty((n, n_x, dim), sampler.kind)
    offsets = np.empty((n, n_mc, dim), np.float32)
    own = np.empty((n, n_mc))
    for first in range(0, n, _BLOCK):
        last = min(first + _BLOCK, n)
        s = sampler.draw(first, last, n_x, Stream.PAPER_CLOUD, [layer.number])[layer.number]
        cloud = in_noise_units(s, s[:, :, 0], layer)
        t, origin = _points(sampler, layer, first, cloud, n_mc, rng)
        own_cloud_densities(len(t), t, -np.square(t - origin).sum(1), cloud, own[first:last])
        offsets[first:last] = t.transpose(0, 2, 1)
        centres[first:last] = s.transpose(0, 2, 1)
    centres = about_origin(centres, layer)
    points = centres[:, :1] + offsets * centres.dtype.type(unit(layer.beta))
    log_density = log_mixture_density(
        torch.from_numpy(points.reshape(-1, dim)),
        torch.from_numpy(centres.reshape(-1, dim)),
        layer.beta,
    )
    h_t = -log_density.numpy().reshape(n, n_mc)
    h_own = layer.noise_entropy - dim / 2 - own * LN2
    h_t_given_x = layer.noise_entropy if layer.exact else float(h_own.mean())
    terms = h_t - h_own
    return Entropies(float(terms.mean()) + h_t_given_x, h_t_given_x, _stderr(terms))


def sizes(task: Task, layer: Layer) -> tuple[int, int]:
    """n_x and n_mc: the settings', or as many as the budget allows; (0, 0) if it allows none.

    A point costs n_x kernel evaluations for its own cloud and n_x for every input. The budget
    counts all of them, although those of distant inputs are left out.
    """
    n, settings = len(task.sampler), task.settings
    n_x, n_mc = 1 if layer.exact else settings.n_x or N_X, settings.n_mc or N_MC
    if settings.budget is None:
        return n_x, n_mc
    pairs = int(settings.budget / (n * (n + 1)))  # of draws and points, per input
    n_mc = max(1, min(n_mc, pairs // n_x))
    n_x = min(n_x, pairs // n_mc)
    return (n_x, n_mc) if n_x >= (1 if layer.exact else 2) else (0, 0)


class Paper(Method):
    """eq. (1) for every layer; ``stderr`` is that of the Monte Carlo integration alone."""

    name = "paper"

    def values(self, task: Task, layer: Layer, prepared: object) -> dict[str, Values]:
        n_x, n_mc = sizes(task, layer)
        if n_x == 0:
            return {"x": Values(status=Status.NOT_CERTIFIED)}
        terms = entropies(task.sampler, layer, n_x, n_mc)
        mi = terms.h_t - terms.h_t_given_x
        found = Values(
            mi=mi,
            stderr=terms.stderr,
            h_t=terms.h_t,
            h_t_given_x=terms.h_t_given_x,
            n_x=n_x,
            n_o=n_x,
            n_mc=n_mc,
            status=Status.of_value(mi, task.inputs.entropy),
        )
        return {"x": found}
