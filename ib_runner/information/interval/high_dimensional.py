"""A lower bound for layers of many units: does the channel tell all inputs apart?

H(X) + E ln q(x|t) ≤ I(X;T) for any guess q at which of the inputs t came from (Barber & Agakov,
2003), and H(Y) + E ln q(y|t) ≤ I(Y;T). Here q(t|x) is an isotropic Gaussian about the mean of a
few draws of x's cloud, over the units that differ most between inputs where there are very many,
and the guess is its share in the sum over all inputs. Where the inputs lie far apart against the
noise, as they do in wide layers, this proves I = H(X); where it does not, there is no upper bound
below H(X) to go with it.

The points are fresh draws of all inputs, of a random part of them where there are more than 4096 or
the budget has no more. In the first case they are strata, and what is left is the noise's spread;
in the second what a bound loses may come from rare inputs, so that inputs, not points, count as
independent.
"""

import time
from collections.abc import Iterator

import numpy as np
from scipy import stats

from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.interval.bounds import RARE
from ib_runner.information.interval.sizes import BUDGET
from ib_runner.information.labels import Labels
from ib_runner.information.sampling.normal_numbers import normals
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task, estimate_of, nothing_certified

#: layers with more units than this get the lower bound only
MANY_UNITS = 16
#: q looks at so many units at most, those that differ most between inputs
_UNITS = 1024
#: draws behind a cloud's mean
N_O = 4
#: points in all, where there are few inputs; inputs with points; those that choose q's variance
_POINTS_IN_ALL = 2**13
_MOST_INPUTS = 2**12
_PILOT = 64
#: numbers in the draws of one block; points that are evaluated together
_BLOCK_VALUES = 2**25
_BLOCK_POINTS = 512
#: share of the uniform distribution in the guessed posterior
_DELTA = 1e-3
_CLOUD, _POINT, _PILOT_POINT, _NOISE, _PILOT_NOISE = 6, 7, 8, 500, 600


class _Guess:
    """q(·|x) of all inputs for one layer: ``means`` [N, units] at ``units``, about an origin."""

    def __init__(self, layer: Layer, units: np.ndarray, origin: np.ndarray):
        self.layer = layer
        self.units = units
        self.origin = origin
        self.means = np.empty((0, len(units)), np.float32)

    def terms(
        self, t: np.ndarray, owners: np.ndarray, targets: dict[str, Labels], variance: float
    ) -> dict[str, np.ndarray]:
        """H + ln of the guess at the owner's class, [m], for points ``t`` [m, units].

        A guess is a function of t alone however it is rounded: float32 keeps the bound.
        """
        squares = np.square(self.means).sum(1)
        parts = {name: [] for name in targets}
        for begin in range(0, len(t), _BLOCK_POINTS):
            part = slice(begin, begin + _BLOCK_POINTS)
            # ‖t‖² is common to all guesses about t and left out
            exponents = (t[part] @ self.means.T * np.float32(2.0) - squares) / np.float32(
                2.0 * variance
            )
            weights = np.exp(exponents - exponents.max(1, keepdims=True)).astype(np.float64)
            total = weights.sum(1)
            for name, labels in targets.items():
                guess = _of_class(weights, owners[part], labels) / total
                mixed = (1.0 - _DELTA) * guess + _DELTA / labels.number
                parts[name].append(np.log(mixed) + labels.entropy)
        return {name: np.concatenate(found) for name, found in parts.items()}


def _of_class(weights: np.ndarray, owners: np.ndarray, labels: Labels) -> np.ndarray:
    """The sum of ``weights`` [m, N] over the class of each row's owner: [m]."""
    if labels.number == weights.shape[1]:
        return weights[np.arange(len(weights)), owners]
    order = np.argsort(labels.classes, kind="stable")
    starts = np.searchsorted(labels.classes[order], np.arange(labels.number))
    sums = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums[np.arange(len(weights)), labels.classes[owners]]


def lower_bound_terms(
    sampler: Sampler, layers: list[Layer], targets: dict[str, Labels], inputs: np.ndarray, n_mc: int
) -> Iterator[tuple[Layer, dict[str, np.ndarray]]]:
    """Terms [inputs, n_mc] of every layer's lower bounds, at fresh points of ``inputs``.

    The variance of q is chosen at points of its own.
    """
    guesses = _guesses(sampler, layers)
    some = np.random.default_rng(sampler.seed).permutation(len(sampler))[:_PILOT]
    pilot = _fresh_points(sampler, guesses, some, n_mc, _PILOT_POINT, _PILOT_NOISE)
    chosen: dict[int, float] = {}
    for k, guess in guesses.items():
        owners = np.repeat(some, n_mc)
        variances = guess.layer.beta**2 * 2.0 ** np.arange(8)
        found = [guess.terms(pilot[k], owners, targets, v)["x"].sum() for v in variances]
        chosen[k] = variances[int(np.argmax(found))]
    del pilot
    points = _fresh_points(sampler, guesses, inputs, n_mc, _POINT, _NOISE)
    owners = np.repeat(inputs, n_mc)
    for k, guess in guesses.items():
        terms = guess.terms(points.pop(k), owners, targets, chosen[k])
        yield guess.layer, {name: one.reshape(-1, n_mc) for name, one in terms.items()}


def _guesses(sampler: Sampler, layers: list[Layer]) -> dict[int, _Guess]:
    """The means of ``N_O`` draws of every input, at the units that differ most."""
    n, keep = len(sampler), [layer.number for layer in layers]
    per_input = N_O * sum(layer.dim for layer in layers)
    step = max(16, _BLOCK_VALUES // per_input // 16 * 16)
    guesses: dict[int, _Guess] = {}
    parts: dict[int, list[np.ndarray]] = {k: [] for k in keep}
    for first in range(0, n, step):
        draws = sampler.draw(first, min(first + step, n), N_O, _CLOUD, keep)
        for layer in layers:
            k, means = layer.number, draws[layer.number].mean(2)
            if k not in guesses:
                units = np.sort(np.argsort(means.var(0))[-_UNITS:])
                guesses[k] = _Guess(layer, units, means[:, units].mean(0))
            guess = guesses[k]
            parts[k].append((means[:, guess.units] - guess.origin).astype(np.float32))
    for k, guess in guesses.items():
        guess.means = np.concatenate(parts.pop(k))
    return guesses


def _fresh_points(
    sampler: Sampler,
    guesses: dict[int, _Guess],
    inputs: np.ndarray,
    n_mc: int,
    purpose: int,
    noise: int,
) -> dict[int, np.ndarray]:
    """T of every layer about the guess's origin, [inputs · n_mc, units], with noise of its own."""
    s = sampler.draw_some(inputs, n_mc, purpose, {k: guess.units for k, guess in guesses.items()})
    found = {}
    for k, guess in guesses.items():
        z = np.empty((len(inputs), len(guess.units), n_mc + n_mc % 2), np.float32)
        normals(sampler.seed, noise + k, 0, z)
        t = (s.pop(k) - guess.origin[:, None]).astype(np.float32)
        t += np.float32(guess.layer.beta) * z[:, :, :n_mc]
        found[k] = t.transpose(0, 2, 1).reshape(-1, len(guess.units))
    return found


def certified_lower_bound(terms: np.ndarray, all_inputs: bool) -> tuple[float, float, float]:
    """Mean of ``terms`` [inputs, n_mc], its standard error, and the one-sided 97.5 % bound.

    ``all_inputs``: they are strata; otherwise a random sample.
    """
    n = len(terms)
    mean = float(terms.mean())
    if all_inputs:
        stderr = float(np.sqrt(terms.var(1, ddof=1).mean() / terms.size))
        quantile, independent = stats.norm.ppf(0.975), terms.size
    else:
        stderr = float(terms.mean(1).std(ddof=1) / np.sqrt(n))
        quantile, independent = stats.t.ppf(0.975, n - 1), n
    return mean, stderr, mean - float(quantile) * stderr - RARE / independent


def estimates(task: Task) -> list[Estimate]:
    """[lower bound, H] for every layer, of X and of the labels."""
    if not task.layers:
        return []
    n, settings, targets = len(task.sampler), task.settings, dict(task.targets)
    n_mc = settings.n_mc or max(2, _POINTS_IN_ALL // n)
    payable = min(int((settings.budget or BUDGET) / (n * n_mc)) - _PILOT, _MOST_INPUTS)
    if payable < min(n, 2):
        return [one for layer in task.layers for one in nothing_certified(task, layer)]
    inputs = np.arange(n)
    if payable < n:
        inputs = np.random.default_rng([task.sampler.seed, n]).permutation(n)[:payable]
    started, found = time.perf_counter(), []
    for layer, terms in lower_bound_terms(task.sampler, task.layers, targets, inputs, n_mc):
        seconds = time.perf_counter() - started
        for target, labels in targets.items():
            bound = certified_lower_bound(terms[target], all_inputs=len(inputs) == n)
            found.append(_estimate(task, layer, target, labels.entropy, bound, n_mc, seconds))
        started = time.perf_counter()
    return found


def _estimate(
    task: Task,
    layer: Layer,
    target: str,
    highest: float,
    bound: tuple[float, float, float],
    n_mc: int,
    seconds: float,
) -> Estimate:
    value, stderr, lower = bound
    lower = float(np.clip(lower, 0.0, highest))
    status = Status.of(lower, highest, highest, task.settings.target_width)
    if status is Status.WIDTH_NOT_REACHED:  # H is no bound that says anything
        status = Status.NOT_CERTIFIED
    known = status is not Status.NOT_CERTIFIED
    return estimate_of(
        layer,
        target=target,
        method="coupled",
        mi=float(np.clip(value, lower, highest)) if known else None,
        stderr=stderr if known else None,
        lower=lower,
        upper=highest,
        n_o=N_O,
        n_mc=n_mc,
        status=status,
        seconds=seconds / (2 if len(task.targets) == 2 else 1),
    )
