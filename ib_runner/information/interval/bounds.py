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
spread of the terms over the points; the strata are the inputs, each with n_mc ≥ 2 points. Near
saturation I falls short of H(X) by rare points alone, and a sample without a rare point has spread
0: an event that none of M points shows has a probability of at most 3.7/M (97.5 %). Where inputs
begin to be confused, the log-likelihood ratio of two inputs has tails like exp(−a/2), so a rare
point costs some 3 nats on average: the lower end is put 3.7·3/M lower.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ib_runner.information.interval.mixtures import LN2, PRUNED, MixtureSums

#: the most that rounding to float32 may change a mean of logarithms, nats
ROUNDING = 1e-5
#: with M points, rare points that were not drawn lower the mean by at most RARE/M nats
RARE = 11.0


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


def interval(bound: Bound, highest: float) -> Interval:
    """The interval of two bounds, each side at 97.5 %, within [0, ``highest``].

    ``mi`` is the middle of the two estimates: its bias is at most half their distance.
    """
    n, m = bound.upper.shape
    quantile = stats.t.ppf(0.975, n * (m - 1))
    upper = bound.upper.mean() + quantile * stratified_stderr(bound.upper)
    lower = bound.lower.mean() - quantile * stratified_stderr(bound.lower) - RARE / (n * m)
    lower = float(np.clip(lower - ROUNDING, 0.0, highest))
    upper = float(np.clip(upper + ROUNDING, lower, highest))
    middle = (np.minimum(bound.upper.mean(), highest) + bound.lower.mean()) / 2
    stderr = stratified_stderr((bound.upper + bound.lower) / 2)
    return Interval(float(np.clip(middle, lower, upper)), stderr, lower, upper)
