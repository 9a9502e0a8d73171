"""The paper's estimator (eq. (1)) by Monte Carlo integration (eq. (14)): h(T) and h(T|X) apart.

h(p̂_S ∗ φ_β) − (1/N) Σ_x h(p̂_{S|x} ∗ φ_β), with n_x draws of every input. Two differences to the
paper leave the expectation as it is. There are n_mc evaluation points per input, their centre drawn
uniformly from the input's cloud, instead of n_mc per centre. And in p̂(t) the input's own cloud has
all its draws at every point, but the others have few; the mean of what all draws change is added,
as some of the points show it (control variates). It varies so little that this adds at most
``_ADDED`` to the variance. The estimator is consistent, but its error at finite n_x is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log, pi, sqrt

import numpy as np
import torch

from ib_runner.information.density.mixture_density import log_mixture_density
from ib_runner.information.estimate import Status, Values
from ib_runner.information.interval.clouds import blocks_of, lengths_of
from ib_runner.information.interval.mixtures import LN2, unit
from ib_runner.information.interval.other_clouds import Clouds, other_clouds
from ib_runner.information.interval.own_clouds import own_cloud_densities
from ib_runner.information.methods.base import Method
from ib_runner.information.sampling.normal_numbers import normals
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream
from ib_runner.information.task import Task

N_X = 1000
N_MC = 2
#: points that first show what all draws change, and the draws of others' clouds there
_FIRST, _TRIED = 256, 64
#: the fewest draws of the others' clouds, and what leaving out the rest may add to the variance of
#: the mean, as a share
_FEWEST, _ADDED = 4, 0.1
_BLOCK = 256
#: the most draws of all layers together, times units, that are kept
_VALUES = 2**27
#: the β of a noise unit; places, in noise units, that float32 resolves to a thousandth of β
_BETA, _FLOAT32 = 1.0 / unit(1.0), 2.0**12


@dataclass(frozen=True)
class Entropies:
    """h(T) and h(T|X) in nats, and the standard error of their difference's Monte Carlo mean."""

    h_t: float
    h_t_given_x: float
    stderr: float


def _points(sampler, layer, numbers, cloud, n_mc, rng):
    """``n_mc`` points for each of the inputs ``numbers`` [n], and their centres.

    ``cloud`` [n, d, n_x]: the inputs' draws, noise units.
    """
    n, dim, n_x = cloud.shape
    centre = rng.integers(n_x, size=(n, 1, n_mc))
    s = np.take_along_axis(cloud, centre, axis=2)
    z = np.empty((n, dim, n_mc + n_mc % 2), np.float32)
    normals(n, sampler.seed, Stream.PAPER_POINTS.of_layer(layer.number), numbers, z)
    return s + z[:, :, :n_mc] / np.float32(np.sqrt(2 * LN2)), s


def _stderr(terms: np.ndarray) -> float:
    """Standard error of the mean of ``terms``; within inputs if each has two points or more."""
    n, m = terms.shape
    spread = terms.var(1, ddof=1).mean() if m > 1 else terms.var(ddof=1)
    return float(np.sqrt(spread / (n * m)))


@dataclass(frozen=True)
class _AtPoints:
    """Points ``t`` [n, d, n_mc], noise units, about the places of their inputs' ``clouds``.

    ``own`` [n, n_mc]: log2 p̂(t|x), relative to the noise's peak.
    """

    clouds: Clouds
    t: np.ndarray
    own: np.ndarray

    def log_ratios(self, inputs: np.ndarray, n_x: int) -> np.ndarray:
        """ln p̂(t|x)/p̂(t), nats, at the points of ``inputs`` [k]: [k, n_mc].

        ``n_x``: the draws of the others' clouds.
        """
        points = self.t[inputs].transpose(0, 2, 1)
        clouds = self.clouds if n_x == self.clouds.n_x else self.clouds.first(n_x)
        owners = np.repeat(inputs, points.shape[1])
        others = other_clouds(
            clouds, points.reshape(-1, points.shape[2]), owners, self.own[inputs].ravel()
        )
        return np.log(len(self.own)) - np.log1p(others).reshape(len(inputs), -1)

    def rough_log_ratios(self, n_x: int) -> np.ndarray:
        """``log_ratios`` of all inputs [n, n_mc] with ``n_x`` draws of the others' clouds.

        The tree that sums the kernels has the own clouds' draws as well: they are taken off again.
        """
        clouds, (n, dim, n_mc) = self.clouds.first(n_x), self.t.shape
        of_own = np.empty((n, n_mc))
        own_cloud_densities(n, self.t, self.own.astype(np.float32), clouds.draws, of_own)
        kind = np.float32 if np.abs(clouds.places.centres).max() < _FLOAT32 else np.float64
        places = clouds.places.centres.astype(kind)[:, None]
        log_sums = log_mixture_density(
            torch.from_numpy((places + self.t.transpose(0, 2, 1)).reshape(-1, dim)),
            torch.from_numpy((places + clouds.draws.transpose(0, 2, 1)).reshape(-1, dim)),
            _BETA,
        )
        log_sums = log_sums.numpy().reshape(n, n_mc) + dim / 2 * log(2 * pi * _BETA**2)
        of_all = n * np.exp(log_sums - self.own * LN2)
        others = np.maximum(of_all - np.exp2(of_own - self.own), 0.0)
        return np.log(n) - np.log1p(others)


def _information(points: _AtPoints, rng: np.random.Generator) -> np.ndarray:
    """Terms [n, n_mc] whose mean is that of ln p̂(t|x)/p̂(t) at all points."""
    (n, n_mc), n_x = points.own.shape, points.clouds.n_x
    first = ceil(_FIRST / n_mc)
    if n_x <= _TRIED or first >= n:
        return points.log_ratios(np.arange(n), n_x)
    order = rng.permutation(n)
    exact = points.log_ratios(order[:first], n_x)
    changes = exact - points.log_ratios(order[:first], _TRIED)
    # of a change by leaving out all draws but one, and of a term
    variance = changes.var() / (1 / _TRIED - 1 / n_x)
    of_term = max(exact.size * _stderr(exact) ** 2, np.finfo(float).tiny)
    # with k draws in place of n_x the share variance/(k·of_term·_ADDED) of the points has all draws
    few = max(_FEWEST, int(min(sqrt(n_x * variance / (of_term * _ADDED)), n_x)))
    if few > n_x // 2:
        return points.log_ratios(np.arange(n), n_x)
    terms = points.rough_log_ratios(few)
    changes = exact - terms[order[:first]]
    enough = changes.var() / max(_ADDED * n_mc * _stderr(terms) ** 2, np.finfo(float).tiny)
    more = order[first : max(first, int(min(enough, n)))]
    if len(more):
        changes = np.concatenate([changes, points.log_ratios(more, n_x) - terms[more]])
    terms[order[: len(changes)]] += changes * (n / len(changes))
    return terms


@dataclass(frozen=True)
class Drawn:
    """``n_x`` draws of every input [N, d, n_x], noise units, about ``centres`` [N, d]."""

    draws: np.ndarray
    centres: np.ndarray


def draw(sampler: Sampler, layers: Sequence[Layer], n_x: int) -> dict[int, Drawn]:
    """The clouds of ``layers``, by number; exact ones have one draw, as all are equal."""
    n, lengths = len(sampler), lengths_of(layers)
    drawn = {
        layer.number: Drawn(
            np.empty((n, layer.dim, 1 if layer.exact else n_x), np.float32),
            np.empty((n, layer.dim), sampler.kind),
        )
        for layer in layers
    }
    for first, last in blocks_of(n, n_x):
        inputs = np.arange(first, last)
        clouds, centres = sampler.clouds(
            inputs, dict.fromkeys(drawn, n_x), Stream.PAPER_CLOUD, lengths, None
        )
        for k, of_layer in drawn.items():
            of_layer.draws[first:last] = clouds[k]
            of_layer.centres[first:last] = centres[k]
    return drawn


def entropies(sampler: Sampler, layer: Layer, n_mc: int, drawn: Drawn) -> Entropies:
    """Both terms of eq. (1), with the draws ``drawn`` and ``n_mc`` points for every input.

    Both terms are means over the same points, whose distribution is right for either; their
    difference varies far less than each term.
    """
    n, k = len(sampler), layer.number
    rng = np.random.default_rng([sampler.seed, k])
    t, own = np.empty((n, layer.dim, n_mc), np.float32), np.empty((n, n_mc))
    for first in range(0, n, _BLOCK):
        last = min(first + _BLOCK, n)
        cloud = drawn.draws[first:last]
        t[first:last], s = _points(sampler, layer, np.arange(first, last), cloud, n_mc, rng)
        references = -np.square(t[first:last] - s).sum(1)
        own_cloud_densities(last - first, t[first:last], references, cloud, own[first:last])
    clouds = Clouds.of(drawn.draws, drawn.centres, unit(layer.beta))
    terms = _information(_AtPoints(clouds, t, own), rng)
    h_own = layer.noise_entropy - layer.dim / 2 - own * LN2
    h_t_given_x = layer.noise_entropy if layer.exact else float(h_own.mean())
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

    def prepare(self, task: Task) -> dict[int, Drawn]:
        """The draws from one sampling pass, where this saves time and they can be kept."""
        n_x = max(sizes(task, layer)[0] for layer in task.layers)
        n_values = len(task.sampler) * n_x * sum(layer.dim for layer in task.layers)
        # true forward passes up to one layer make other draws than those that go on behind it
        if task.sampler.plain is None or not 0 < n_values <= _VALUES:
            return {}
        return draw(task.sampler, task.layers, n_x)

    def values(self, task: Task, layer: Layer, prepared: object) -> dict[str, Values]:
        n_x, n_mc = sizes(task, layer)
        if n_x == 0:
            return {"x": Values(status=Status.NOT_CERTIFIED)}
        assert isinstance(prepared, dict)
        drawn = prepared.pop(layer.number, None) or draw(task.sampler, [layer], n_x)[layer.number]
        terms = entropies(task.sampler, layer, n_mc, drawn)
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
