"""A lower bound for layers of many units: does the channel tell all inputs apart?

ln N + E ln (q(t|x) / Σ_x' q(t|x')) ≤ I(X;T) for any q that does not depend on t (Barber & Agakov,
2003). Here q(·|x) is an isotropic Gaussian about the mean of a few draws of x's cloud. Where the
inputs lie far apart against the noise, as they do in wide layers, this proves I = ln N; where it
does not, there is no upper bound below H(X) to go with it.
"""

import time

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from ib_runner.information.coupled import SATURATED
from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.normal_numbers import normals
from ib_runner.information.sample_propagation import Layer, Sampler

#: layers with more units than this get the lower bound only
MANY_UNITS = 16
#: draws behind a cloud's mean
N_O = 8
#: inputs whose points are evaluated: a random subset, when there are more
_EVALUATED = 256
#: numbers in the cloud means of one block
_BLOCK_VALUES = 2**24
#: share of the uniform distribution in the guessed posterior
_DELTA = 1e-3
_CLOUD, _POINT, _NOISE = 6, 7, 500


def _squared_distances(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    """‖t − μ‖² [m, n] in float64: the cancellation costs 1e-16 of the squared coordinates."""
    t, mean = points.astype(np.float64), means.astype(np.float64)
    return (t**2).sum(1)[:, None] - 2.0 * t @ mean.T + (mean**2).sum(1)


def lower_bound_terms(sampler: Sampler, layer: Layer, n_mc: int) -> np.ndarray:
    """Terms [inputs, n_mc] of the lower bound, at fresh points of evenly many random inputs.

    The variance of q is chosen on one half of the inputs and the terms are those of the other.
    """
    n = len(sampler)
    rng = np.random.default_rng([sampler.seed, layer.number])
    chosen = np.sort(rng.permutation(n)[:_EVALUATED])
    points = np.concatenate([_fresh(sampler, layer, x, n_mc) for x in chosen])
    origin = points.mean(0)
    points -= origin
    squared = np.empty((len(points), n))
    step = max(16, _BLOCK_VALUES // layer.dim // N_O // 16 * 16)
    for first in range(0, n, step):
        last = min(first + step, n)
        s = sampler.draw(first, last, N_O, _CLOUD, [layer.number])[layer.number]
        squared[:, first:last] = _squared_distances(points, s.mean(2) - origin)
    owners = np.repeat(chosen, n_mc)
    pilot = np.repeat(rng.permutation(len(chosen)) < len(chosen) // 2, n_mc)
    scales = layer.beta**2 * 2.0 ** np.arange(0, 8)
    terms = [_terms(squared, owners, variance) for variance in scales]
    best = int(np.argmax([term[pilot].mean() for term in terms])) if pilot.any() else 0
    return terms[best][~pilot].reshape(-1, n_mc)


def _fresh(sampler: Sampler, layer: Layer, x: int, n_mc: int) -> np.ndarray:
    """Points T [n_mc, d] of input ``x``, independent of the clouds."""
    s = sampler.draw(x, x + 1, n_mc, _POINT, [layer.number])[layer.number][0]
    z = np.empty((1, layer.dim, n_mc + n_mc % 2), np.float32)
    normals(sampler.seed, _NOISE + layer.number, x, z)
    return (s + np.float32(layer.beta) * z[0, :, :n_mc]).T


def _terms(squared: np.ndarray, owners: np.ndarray, variance: float) -> np.ndarray:
    exponents = -squared / (2.0 * variance)
    log_own = exponents[np.arange(len(owners)), owners]
    posterior = np.exp(log_own - logsumexp(exponents, axis=1))
    n = squared.shape[1]
    return np.log((1.0 - _DELTA) * posterior + _DELTA / n) + np.log(n)


def certified_lower_bound(terms: np.ndarray) -> tuple[float, float, float]:
    """Mean, its standard error, and the one-sided 97.5 % bound of terms of random inputs."""
    means = terms.mean(1)
    if len(means) < 2:
        return float(means.mean()), 0.0, 0.0
    stderr = float(means.std(ddof=1) / np.sqrt(len(means)))
    return means.mean(), stderr, means.mean() - stats.t.ppf(0.975, len(means) - 1) * stderr


def estimates(sampler: Sampler, layers: list[Layer], n_mc: int, highest: float) -> list[Estimate]:
    """[lower bound, H(X)] for every layer; ``highest`` is H(X)."""
    found = []
    for layer in layers:
        started = time.perf_counter()
        value, stderr, lower = certified_lower_bound(lower_bound_terms(sampler, layer, n_mc))
        lower = float(np.clip(lower, 0.0, highest))
        saturated = lower >= highest - SATURATED
        found.append(
            Estimate(
                layer=layer.number,
                dim=layer.dim,
                target="x",
                method="coupled",
                mi=float(np.clip(value, lower, highest)) if saturated else None,
                stderr=stderr if saturated else None,
                lower=lower,
                upper=highest,
                h_t=None,
                h_t_given_x=None,
                beta=layer.beta,
                n_x=None,
                n_o=N_O,
                n_mc=n_mc,
                status=Status.SATURATED if saturated else Status.NOT_CERTIFIED,
                seconds=time.perf_counter() - started,
            )
        )
    return found
