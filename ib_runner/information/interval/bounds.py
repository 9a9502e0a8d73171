"""The bounds of the coupled estimator: an interval that holds I(X;T_ℓ), and one for I(Y;T_ℓ).

Cloud A of every input gives evaluation points t = s + z, with s one of its draws, and the plug-in
density p̂(t|x). Cloud B, independent of A, gives a density q(t|x) for every input and their mean
q(t). With means over x and t,

    upper = E ln p̂(t|x) − E ln q(t)        lower = ln N + E ln (q(t|x) / Σ_x' q(t|x')).

*Upper.* t has density p(t), and q does not depend on it: −E ln q(t) = h(T) + KL(p‖q) ≥ h(T). Given
cloud A, t is drawn from p̂(·|x), so −E ln p̂(t|x) = E h(p̂(·|x)) ≤ h(p(·|x)), as E p̂ = p and
entropy is concave. Together E upper ≥ h(T) − h(T|X) = I, for clouds of any size.

*Lower.* t given x has density p(t|x) and is independent of q: q(t|x)/Σ q is one guess at the
posterior of x, and any guess gives E lower ≤ I (Barber & Agakov, 2003). We mix it with δ/N, which
keeps that and bounds every term from below by ln δ.

Both bounds use the same sums at the same points: they differ by E ln p̂(t|x) − E ln q(t|x) alone,
some 0.01 nats, and the noise in t is common to both.

*Labels.* I(Y;T) = I(X;T) − I(X;T|Y) for Y a function of X. The upper bound on I(X;T) less the
lower bound on I(X;T|Y) bounds I(Y;T) from above, and H(Y) + E ln (Σ_{x' of the label} q / Σ q), a
classifier's cross-entropy, from below: both use the same sums again.

*Sampling error.* The points of one input are made of different draws of cloud A. To first order
the clouds' own randomness moves neither term (∫ p·δp/p = ∫ δp = 0), so the sampling error is the
spread of the terms over the points; the strata are the inputs, each with n_mc ≥ 2 points. What is
rare may not be among them, and leaves no trace in the spread: ``unseen_above``, ``unseen_below``.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import stdtrit  # of scipy.stats, whose import takes a second

from ib_runner.information.interval.mixtures import LN2, PRUNED, MixtureSums

#: bound on the change of a mean of logarithms by rounding to float32, nats
ROUNDING = 1e-5
#: the probability that an end is on the wrong side, and the part of it that the other target's end
#: takes where that is nearer (``of_both``)
MISS, SHARED = 0.025, 0.001
#: mean loss in nats at a point where inputs begin to be confused: the log-likelihood ratio of two
#: inputs has tails like exp(−a/2)
_CONFUSED = 3.0


def unseen(miss: float) -> float:
    """An event at none of M points has a probability ≤ ``unseen(miss)``/M, 3.7/M for ``MISS``."""
    return -math.log(miss)


def unseen_above(upper: float, most: float, points: int, miss: float = MISS) -> float:
    """How much rare points that were not drawn may raise I above ``upper``, a mean of ``points``.

    ``most`` is the largest ln p(t|x)/p(t) that there can be: ln N, or ln 1/p(y) of a label.
    """
    return unseen(miss) * max(most - upper, 0.0) / points


def unseen_below(lower: float, points: int, miss: float = MISS) -> float:
    """How much rare points that were not drawn may put I below ``lower``, a mean of ``points``.

    There, all information may be lost. For a region that T is in with probability a, I(X;T) ≥
    (1 − a) I(X;T | T outside), and the points show at most I(X;T | T outside) − ln(1 − a), since X
    is not uniform given T outside.
    """
    return unseen(miss) * max(lower + 1.0, _CONFUSED) / points


@dataclass(frozen=True)
class Points:
    """Evaluation points [n, d, m] about the owners' centres, with log2 p̂(t|x) [n, m]."""

    t: np.ndarray
    log2_own_cloud: np.ndarray

    def first(self, n_mc: int) -> "Points":
        """At most ``n_mc`` points of each input."""
        return Points(self.t[:, :, :n_mc], self.log2_own_cloud[:, :n_mc])


@dataclass(frozen=True)
class Bound:
    """Terms [N, n_mc] whose mean bounds I(X;T) or I(Y;T) from above and from below."""

    upper: np.ndarray
    lower: np.ndarray

    @cached_property
    def means(self) -> tuple[float, float]:
        """The means of ``upper`` and of ``lower``."""
        return float(self.upper.mean()), float(self.lower.mean())

    @cached_property
    def stderrs(self) -> tuple[float, float, float]:
        """Standard errors of the means of ``upper``, of ``lower`` and of what is between them."""
        upper, lower = self.upper, self.lower
        middle = stratified_stderr((upper + lower) / 2)
        return stratified_stderr(upper), stratified_stderr(lower), middle


def bound_x(points: Points, sums: MixtureSums, n: int, delta: float) -> Bound:
    """Terms of the bounds on I(X;T) for ``n`` inputs; ``delta`` is the δ of the lower bound."""
    upper = (points.log2_own_cloud - sums.total) * LN2 + np.log(n)
    posterior = np.exp2(sums.own - sums.total)
    lower = np.log((1.0 - delta) * posterior + delta / n) + np.log(n) - PRUNED
    return Bound(upper, lower)


def bound_y(points: Points, sums: MixtureSums, class_sizes: np.ndarray, delta: float) -> Bound:
    """Terms of the bounds on I(Y;T); ``class_sizes`` [N]: inputs that share the input's label."""
    sizes = class_sizes[:, None]
    ratio = np.log(len(sizes) / sizes)
    lower = (sums.same - sums.total) * LN2 + ratio - PRUNED
    posterior = np.exp2(sums.own - sums.same)
    within = np.log((1.0 - delta) * posterior + delta / sizes) - PRUNED
    upper = (points.log2_own_cloud - sums.total) * LN2 + ratio - within
    return Bound(upper, lower)


def stratified_stderr(terms: np.ndarray) -> float:
    """Standard error of the mean of ``terms`` [N, m], the rows being strata of equal weight."""
    n, m = terms.shape
    return float(np.sqrt(np.sum(terms.var(1, ddof=1)) / m) / n)


@dataclass(frozen=True)
class Interval:
    """``mi`` with its ``stderr``, and the certified 95 % interval [``lower``, ``upper``]."""

    mi: float
    stderr: float
    lower: float
    upper: float


def interval(bound: Bound, highest: float, most: float, miss: float = MISS) -> Interval:
    """The interval of two bounds within [0, ``highest``], each side wrong with ``miss`` at most.

    ``most``: the largest term that the upper bound can have. ``mi`` is the middle of the two
    estimates: its bias is at most half their distance.
    """
    n, m = bound.upper.shape
    quantile = float(stdtrit(n * (m - 1), 1.0 - miss))
    mean_upper, mean_lower = bound.means
    of_upper, of_lower, stderr = bound.stderrs
    upper = mean_upper + quantile * of_upper + unseen_above(mean_upper, most, n * m, miss)
    lower = mean_lower - quantile * of_lower - unseen_below(mean_lower, n * m, miss)
    lower, upper = ends(lower - ROUNDING, upper + ROUNDING, highest)
    middle = (np.minimum(mean_upper, highest) + mean_lower) / 2
    return Interval(float(np.clip(middle, lower, upper)), stderr, lower, upper)


def ends(lower: float, upper: float, highest: float) -> tuple[float, float]:
    """Both ends within [0, ``highest``], exchanged where lower > upper."""
    low, high = np.clip([min(lower, upper), max(lower, upper)], 0.0, highest)
    return float(low), float(high)


def of_both(make: Callable[[str, float], Interval], targets: Collection[str]) -> dict:
    """Intervals by target; ``make(target, miss)`` gives one whose ends are wrong with ``miss``.

    Y is a function of the number of the input, so that I(Y;T) ≤ I(X;T): the lower end of X is at
    least that of Y, and the upper end of Y at most that of X. An end that is taken from the other
    target is wrong with ``SHARED`` at most, and every end with ``MISS`` in all.
    """
    if "y" not in targets:
        return {target: make(target, MISS) for target in targets}
    x, y = make("x", MISS - SHARED), make("y", MISS - SHARED)
    lower, upper = make("y", SHARED).lower, make("x", SHARED).upper
    # only where the other target's end does not contradict the interval
    if x.lower < lower <= x.upper:
        x = replace(x, lower=lower, mi=max(x.mi, lower))
    if y.lower <= upper < y.upper:
        y = replace(y, upper=upper, mi=min(y.mi, upper))
    return {"x": x, "y": y}
