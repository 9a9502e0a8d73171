"""Entropy from nearest neighbours of noisy samples, an estimator that ignores the known noise.

The estimator of Kozachenko & Leonenko (1987) with k neighbours,

    ĥ = ψ(n) − ψ(k) + ln V_d + (d/n)·Σ_i ln ε_i,

where ε_i is the distance of sample i to its k-th neighbour and V_d the volume of the unit ball.
It is one of the generic estimators of Remark 3: no risk bound of the paper covers it, and its
bias grows with d.
"""

import math

import numpy as np
from scipy.special import digamma
from torch import Tensor

from ib_runner.information.estimate import Status, Values
from ib_runner.information.methods.base import Method
from ib_runner.information.sampling.coordinates import about_origin
from ib_runner.information.sampling.normal_numbers import normals
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream
from ib_runner.information.task import Task

#: neighbours, and noisy samples per input
K, N_X = 3, 64
_BLOCK = 256


def neighbour_entropy(samples: Tensor, k: int = K) -> float:
    """The differential entropy, in nats, estimated from ``samples`` [n, d] of a density.

    Raises ``ValueError`` for other shapes, k outside 1…n − 1, values that are not finite, or more
    than k samples in one place, which no density gives.
    """
    if samples.ndim != 2 or not 1 <= k < len(samples) or not samples.isfinite().all():
        raise ValueError(f"samples of shape {tuple(samples.shape)}, k = {k}: [n > k ≥ 1, d] needed")
    return _mean_and_variance(samples.detach().cpu().numpy().astype(np.float64), k)[0]


def _mean_and_variance(points: np.ndarray, k: int) -> tuple[float, float]:
    """ĥ of ``points`` [n, d], and its variance as if its n terms were independent."""
    from scipy.spatial import cKDTree  # imported here, as it takes .2 s and few methods need it

    n, d = points.shape
    # the sample itself is its own first neighbour
    distance = cKDTree(points).query(points, k=[k + 1])[0][:, 0]
    if not distance.all():
        raise ValueError(f"more than k = {k} samples coincide: add the noise, in float64 if small")
    log_ball = 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1)
    terms = d * np.log(distance)
    entropy = float(digamma(n) - digamma(k) + log_ball + terms.mean())
    return entropy, float(terms.var(ddof=1)) / n


def neighbour_information(
    samples: Tensor, k: int = K, conditional_entropy: float | None = None
) -> float:
    """I(X;T) = h(T) − mean_x h(T|x), in nats, from noisy samples [N, m, d] of every input.

    ``conditional_entropy`` is h(T|X) where it is known, (d/2)·ln(2πeβ²) for layer 1; m = 1 will do
    then. Raises ``ValueError`` as :func:`neighbour_entropy`.
    """
    if conditional_entropy is None:
        of_inputs = [neighbour_entropy(of_input, k) for of_input in samples]
        conditional_entropy = math.fsum(of_inputs) / len(of_inputs)
    return neighbour_entropy(samples.flatten(0, 1), k) - conditional_entropy


def noisy_samples(sampler: Sampler, layer: Layer, n_x: int) -> np.ndarray:
    """``n_x`` draws of T for every input, relative to a common origin: [N, n_x, d] float64.

    Raises ``UnresolvedError`` where the noise is too small compared with rounding.
    """
    n = len(sampler)
    s_of_all = np.empty((n, n_x, layer.dim), sampler.kind)
    z_of_all = np.empty((n, n_x, layer.dim), np.float32)
    for first in range(0, n, _BLOCK):
        last = min(first + _BLOCK, n)
        s = sampler.draw(first, last, n_x, Stream.NEIGHBOURS_S, [layer.number])[layer.number]
        z = np.empty((last - first, layer.dim, n_x + n_x % 2), np.float32)
        normals(
            len(z),
            sampler.seed,
            Stream.NEIGHBOURS_Z.of_layer(layer.number),
            np.arange(first, last),
            z,
        )
        s_of_all[first:last] = s.transpose(0, 2, 1)
        z_of_all[first:last] = z[:, :, :n_x].transpose(0, 2, 1)
    # float64 from here on: samples of one input differ by a small share of their value
    return about_origin(s_of_all, layer) + layer.beta * z_of_all.astype(np.float64)


def draws(task: Task) -> int:
    """Draws per input: ``n_x``, or as many as the budget allows; 0 if too few for K neighbours.

    The budget counts the distances of all pairs, although a tree computes only a few of them.
    """
    n, settings = len(task.sampler), task.settings
    n_x = max(settings.n_x or N_X, K + 1)
    if settings.budget is not None:
        n_x = min(n_x, int(math.sqrt(settings.budget / (n * (n + 1)))))
    return n_x if n_x > K else 0


class NearestNeighbours(Method):
    """I(X;T) of every layer from ``n_x`` noisy samples of each input.

    ``stderr`` is that of independent terms; it includes no bias.
    """

    name = "nearest_neighbours"

    def values(self, task: Task, layer: Layer, prepared: object) -> dict[str, Values]:
        n_x = draws(task)
        if n_x == 0:
            return {"x": Values(status=Status.NOT_CERTIFIED)}
        t = noisy_samples(task.sampler, layer, n_x)
        h_t, variance = _mean_and_variance(t.reshape(-1, layer.dim), K)
        h_t_given_x = layer.noise_entropy
        if not layer.exact:
            of_inputs = np.array([_mean_and_variance(points, K) for points in t])
            h_t_given_x = float(of_inputs[:, 0].mean())
            variance += of_inputs[:, 1].mean() / len(t)
        mi, stderr = h_t - h_t_given_x, math.sqrt(variance)
        found = Values(
            mi=mi,
            stderr=stderr,
            h_t=h_t,
            h_t_given_x=h_t_given_x,
            n_x=n_x,
            status=Status.of_value(mi, task.inputs.entropy),
        )
        return {"x": found}
