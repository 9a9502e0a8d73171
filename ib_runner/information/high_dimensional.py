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

from ib_runner.information.bounds import RARE
from ib_runner.information.coupled import SATURATED
from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.normal_numbers import normals
from ib_runner.information.sample_propagation import Layer, Sampler

#: layers with more units than this get the lower bound only
MANY_UNITS = 16
#: draws behind a cloud's mean
N_O = 4
#: inputs whose points are evaluated, a random subset when there are more; some choose q's variance
_EVALUATED = 512
_PILOT = 64
_POINTS_IN_ALL = 2048
#: numbers in the draws of one block
_BLOCK_VALUES = 2**25
#: share of the uniform distribution in the guessed posterior
_DELTA = 1e-3
_CLOUD, _POINT, _NOISE = 6, 7, 500


def _squared_distances(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    """‖t − μ‖² [m, n] in float64: the cancellation costs 1e-16 of the squared coordinates."""
    t, mean = points.astype(np.float64), means.astype(np.float64)
    return (t**2).sum(1)[:, None] - 2.0 * t @ mean.T + (mean**2).sum(1)


def lower_bound_terms(sampler: Sampler, layers: list[Layer], n_mc: int) -> dict[int, np.ndarray]:
    """Terms [inputs, n_mc] of every layer's lower bound, at fresh points of random inputs.

    The variance of q is chosen on some of the inputs, and the terms are those of the others.
    """
    n = len(sampler)
    chosen = np.random.default_rng(sampler.seed).permutation(n)[:_EVALUATED]
    points = _fresh_points(sampler, layers, chosen, n_mc)
    squared = {layer.number: np.empty((len(chosen) * n_mc, n)) for layer in layers}
    per_input = N_O * sum(layer.dim for layer in layers)
    step = max(16, _BLOCK_VALUES // per_input // 16 * 16)
    for first in range(0, n, step):
        last = min(first + step, n)
        s = sampler.draw(first, last, N_O, _CLOUD, [layer.number for layer in layers])
        for k, t in points.items():
            origin = t.mean(0)
            squared[k][:, first:last] = _squared_distances(t - origin, s[k].mean(2) - origin)
    n_pilot = n_mc * min(_PILOT, len(chosen) // 4)
    owners = np.repeat(chosen, n_mc)
    found = {}
    for layer in layers:
        variances = layer.beta**2 * 2.0 ** np.arange(8)
        terms = [_terms(squared[layer.number], owners, variance) for variance in variances]
        best = int(np.argmax([term[:n_pilot].sum() for term in terms]))
        found[layer.number] = terms[best][n_pilot:].reshape(-1, n_mc)
    return found


def _fresh_points(
    sampler: Sampler, layers: list[Layer], inputs: np.ndarray, n_mc: int
) -> dict[int, np.ndarray]:
    """Points T [inputs · n_mc, d] of every layer, independent of the clouds."""
    parts = {layer.number: [] for layer in layers}
    for x in inputs.tolist():
        s = sampler.draw(x, x + 1, n_mc, _POINT, list(parts))
        for layer in layers:
            z = np.empty((1, layer.dim, n_mc + n_mc % 2), np.float32)
            normals(sampler.seed, _NOISE + layer.number, x, z)
            t = s[layer.number][0] + np.float32(layer.beta) * z[0, :, :n_mc]
            parts[layer.number].append(t.T)
    return {k: np.concatenate(part) for k, part in parts.items()}


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
    slack = stats.t.ppf(0.975, len(means) - 1) * stderr + RARE / terms.size
    return float(means.mean()), stderr, float(means.mean() - slack)


def estimates(
    sampler: Sampler, layers: list[Layer], n_mc: int | None, highest: float
) -> list[Estimate]:
    """[lower bound, H(X)] for every layer; ``highest`` is H(X)."""
    if not layers:
        return []
    n_mc = n_mc or max(4, _POINTS_IN_ALL // min(len(sampler), _EVALUATED))
    started = time.perf_counter()
    terms = lower_bound_terms(sampler, layers, n_mc)
    seconds = (time.perf_counter() - started) / len(layers)
    found = []
    for layer in layers:
        value, stderr, lower = certified_lower_bound(terms[layer.number])
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
                seconds=seconds,
            )
        )
    return found
