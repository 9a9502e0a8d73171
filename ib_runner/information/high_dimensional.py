"""A lower bound for layers of many units: does the channel tell all inputs apart?

ln N + E ln (q(t|x) / Σ_x' q(t|x')) ≤ I(X;T) for any q that does not depend on t (Barber & Agakov,
2003). Here q(·|x) is an isotropic Gaussian about the mean of a few draws of x's cloud, over the
units that differ most between inputs where there are very many. Where the inputs lie far apart
against the noise, as they do in wide layers, this proves I = ln N; where it does not, there is no
upper bound below H(X) to go with it.
"""

import time

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from ib_runner.information.bounds import RARE
from ib_runner.information.estimate import SATURATED, Estimate, Status
from ib_runner.information.normal_numbers import normals
from ib_runner.information.sample_propagation import Layer, Sampler
from ib_runner.information.task import Task, estimate_of

#: layers with more units than this get the lower bound only
MANY_UNITS = 16
#: q looks at so many units at most, those that differ most between inputs
_UNITS = 4096
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


def lower_bound_terms(sampler: Sampler, layers: list[Layer], n_mc: int) -> dict[int, np.ndarray]:
    """Terms [inputs, n_mc] of every layer's lower bound, at fresh points of random inputs.

    The variance of q is chosen on some of the inputs, and the terms are those of the others. A
    guess is a function of t alone however it is rounded: float32 keeps the bound.
    """
    n = len(sampler)
    keep = [layer.number for layer in layers]
    inputs = np.random.default_rng(sampler.seed).permutation(n)[:_EVALUATED]
    squared = {k: np.empty((len(inputs) * n_mc, n), np.float32) for k in keep}
    points: dict[int, np.ndarray] = {}
    units: dict[int, np.ndarray] = {}
    origins: dict[int, np.ndarray] = {}
    per_input = N_O * sum(layer.dim for layer in layers)
    step = max(16, _BLOCK_VALUES // per_input // 16 * 16)
    for first in range(0, n, step):
        last = min(first + step, n)
        s = sampler.draw(first, last, N_O, _CLOUD, keep)
        means = {k: draws.mean(2) for k, draws in s.items()}
        if not points:
            units = {k: np.argsort(mean.var(0))[-_UNITS:] for k, mean in means.items()}
            origins = {k: mean[:, units[k]].mean(0) for k, mean in means.items()}
            points = _fresh_points(sampler, layers, inputs, n_mc, units)
            points = {k: t - origins[k] for k, t in points.items()}
        for k, t in points.items():
            mean = means[k][:, units[k]] - origins[k]
            block = squared[k][:, first:last]
            np.matmul(t, mean.T, out=block)
            # ‖t‖² is common to all guesses about t and left out
            block *= np.float32(-2.0)
            block += np.square(mean).sum(1)
    n_pilot = n_mc * min(_PILOT, len(inputs) // 4)
    owners = np.repeat(inputs, n_mc)
    found = {}
    for layer in layers:
        distances = squared.pop(layer.number)
        variances = layer.beta**2 * 2.0 ** np.arange(8)
        pilot = [_terms(distances[:n_pilot], owners[:n_pilot], v).sum() for v in variances]
        chosen = variances[int(np.argmax(pilot))]
        terms = _terms(distances[n_pilot:], owners[n_pilot:], chosen)
        found[layer.number] = terms.reshape(-1, n_mc)
    return found


def _fresh_points(
    sampler: Sampler,
    layers: list[Layer],
    inputs: np.ndarray,
    n_mc: int,
    units: dict[int, np.ndarray],
) -> dict[int, np.ndarray]:
    """T at ``units`` of every layer, [inputs · n_mc, units], independent of the clouds."""
    s = sampler.draw_some(inputs, n_mc, _POINT, units)
    found = {}
    for layer in layers:
        k, chosen = layer.number, units[layer.number]
        z = np.empty((len(inputs), len(chosen), n_mc + n_mc % 2), np.float32)
        normals(sampler.seed, _NOISE + k, 0, z)
        t = s[k] + np.float32(layer.beta) * z[:, :, :n_mc]
        found[k] = t.transpose(0, 2, 1).reshape(-1, len(chosen))
    return found


def _terms(squared: np.ndarray, owners: np.ndarray, variance: float) -> np.ndarray:
    """ln N + ln of the guessed posterior of the owner, from ‖t − μ‖² [m, N] up to a constant."""
    n = squared.shape[1]
    log_posterior = np.empty(len(squared))
    for begin in range(0, len(squared), _EVALUATED):
        part = slice(begin, begin + _EVALUATED)
        exponents = squared[part] / np.float32(-2.0 * variance)
        log_own = exponents[np.arange(len(exponents)), owners[part]]
        log_posterior[part] = log_own - logsumexp(exponents, axis=1)
    return np.log((1.0 - _DELTA) * np.exp(log_posterior) + _DELTA / n) + np.log(n)


def certified_lower_bound(terms: np.ndarray) -> tuple[float, float, float]:
    """Mean, its standard error, and the one-sided 97.5 % bound of terms of random inputs."""
    means = terms.mean(1)
    if len(means) < 2:
        return float(means.mean()), 0.0, 0.0
    stderr = float(means.std(ddof=1) / np.sqrt(len(means)))
    slack = stats.t.ppf(0.975, len(means) - 1) * stderr + RARE / terms.size
    return float(means.mean()), stderr, float(means.mean() - slack)


def estimates(task: Task) -> list[Estimate]:
    """[lower bound, H(X)] for every layer."""
    if not task.layers:
        return []
    n_mc = task.settings.n_mc or max(4, _POINTS_IN_ALL // min(len(task.sampler), _EVALUATED))
    highest = task.inputs.entropy
    started = time.perf_counter()
    terms = lower_bound_terms(task.sampler, task.layers, n_mc)
    seconds = (time.perf_counter() - started) / len(task.layers)
    found = []
    for layer in task.layers:
        value, stderr, lower = certified_lower_bound(terms[layer.number])
        lower = float(np.clip(lower, 0.0, highest))
        saturated = lower >= highest - SATURATED
        found.append(
            estimate_of(
                layer,
                target="x",
                method="coupled",
                mi=float(np.clip(value, lower, highest)) if saturated else None,
                stderr=stderr if saturated else None,
                lower=lower,
                upper=highest,
                n_o=N_O,
                n_mc=n_mc,
                status=Status.SATURATED if saturated else Status.NOT_CERTIFIED,
                seconds=seconds,
            )
        )
    return found
