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

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ib_runner.information.estimate import Status, Values
from ib_runner.information.interval.bounds import RARE
from ib_runner.information.interval.sizes import BUDGET
from ib_runner.information.labels import Labels
from ib_runner.information.sampling.normal_numbers import normals
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream
from ib_runner.information.task import Task, nothing_certified

#: layers with more units than this get the lower bound only
MANY_UNITS = 16
#: q looks at so many units at most, those that differ most between inputs
_UNITS = 1024
#: the largest coordinate, in the guesses' units
_MOST_LENGTHS = 1e6
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


class _Guess:
    """q(·|x) of all inputs for one layer: ``means`` [N, units] at ``units``, about an origin.

    In units of ``length``: β, or more where float32 could not hold the squares.
    """

    def __init__(self, layer: Layer, units: np.ndarray, origin: np.ndarray):
        self.layer = layer
        self.length = layer.beta
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
    pilot = _fresh_points(
        sampler, guesses, some, n_mc, Stream.MANY_UNITS_PILOT_S, Stream.MANY_UNITS_PILOT_Z
    )
    chosen: dict[int, float] = {}
    for k, guess in guesses.items():
        owners = np.repeat(some, n_mc)
        variances = 2.0 ** np.arange(8)
        found = [guess.terms(pilot[k], owners, targets, v)["x"].sum() for v in variances]
        chosen[k] = variances[int(np.argmax(found))]
    del pilot
    points = _fresh_points(sampler, guesses, inputs, n_mc, Stream.MANY_UNITS_S, Stream.MANY_UNITS_Z)
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
        draws = sampler.draw(first, min(first + step, n), N_O, Stream.MEANS, keep)
        for layer in layers:
            k, means = layer.number, draws[layer.number].mean(2, dtype=np.float64)
            if k not in guesses:
                units = np.sort(np.argsort(means.var(0))[-_UNITS:])
                guesses[k] = _Guess(layer, units, means[:, units].mean(0))
            guess = guesses[k]
            parts[k].append((means[:, guess.units] - guess.origin).astype(np.float64))
    for k, guess in guesses.items():
        means = np.concatenate(parts.pop(k))
        guess.length = max(guess.layer.beta, float(np.abs(means).max()) / _MOST_LENGTHS)
        guess.means = (means / guess.length).astype(np.float32)
    return guesses


def _fresh_points(
    sampler: Sampler,
    guesses: dict[int, _Guess],
    inputs: np.ndarray,
    n_mc: int,
    purpose: Stream,
    noise: Stream,
) -> dict[int, np.ndarray]:
    """T of every layer about the guess's origin, [inputs · n_mc, units], with noise of its own."""
    s = sampler.draw_some(inputs, n_mc, purpose, {k: guess.units for k, guess in guesses.items()})
    found = {}
    for k, guess in guesses.items():
        z = np.empty((len(inputs), len(guess.units), n_mc + n_mc % 2), np.float32)
        normals(sampler.seed, noise.of_layer(k), 0, z)
        t = ((s.pop(k) - guess.origin[:, None]) / guess.length).astype(np.float32)
        t += np.float32(guess.layer.beta / guess.length) * z[:, :, :n_mc]
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


@dataclass(frozen=True)
class Prepared:
    """Terms of the lower bounds, [inputs, n_mc] by target, of the layers that follow.

    None where the budget is too small.
    """

    terms: dict[int, dict[str, np.ndarray]]
    n_mc: int
    all_inputs: bool


def prepare(task: Task) -> Prepared | None:
    """The terms of every layer's lower bounds, of X and of the labels."""
    n, settings = len(task.sampler), task.settings
    n_mc = settings.n_mc or max(2, _POINTS_IN_ALL // n)
    payable = min(int((settings.budget or BUDGET) / (n * n_mc)) - _PILOT, _MOST_INPUTS)
    if payable < min(n, 2):
        return None
    inputs = np.arange(n)
    if payable < n:
        inputs = np.random.default_rng([task.sampler.seed, n]).permutation(n)[:payable]
    terms = lower_bound_terms(task.sampler, task.layers, dict(task.targets), inputs, n_mc)
    found = {layer.number: of_targets for layer, of_targets in terms}
    return Prepared(found, n_mc, all_inputs=len(inputs) == n)


def values(task: Task, layer: Layer, prepared: Prepared | None) -> dict[str, Values]:
    """[lower bound, H] of one layer, of X and of the labels."""
    if prepared is None:
        return nothing_certified(task)
    terms, found = prepared.terms[layer.number], {}
    for target, labels in task.targets:
        bound = certified_lower_bound(terms[target], prepared.all_inputs)
        found[target] = _values(task, labels.entropy, bound, prepared.n_mc)
    return found


def _values(task: Task, highest: float, bound: tuple[float, float, float], n_mc: int) -> Values:
    value, stderr, lower = bound
    lower = float(np.clip(lower, 0.0, highest))
    status = Status.of(lower, highest, highest, task.settings.target_width)
    if status is Status.WIDTH_NOT_REACHED:  # H is no bound that says anything
        status = Status.NOT_CERTIFIED
    known = status is not Status.NOT_CERTIFIED
    return Values(
        mi=float(np.clip(value, lower, highest)) if known else None,
        stderr=stderr if known else None,
        lower=lower,
        upper=highest,
        n_o=N_O,
        n_mc=n_mc,
        status=status,
    )
