"""Every bound of the paper as a function, and the number of samples that each requires.

Theorem 2 and Remark 1 (no good estimator needs fewer samples than exponentially many in d) have
constants that are not explicit, and Remark 3 has none: they are in the documentation only.
Entropies and errors are in nats, β is the noise's standard deviation.

The constants outgrow floating-point numbers at d of some hundred, so they are kept as logarithms.
All functions raise ``ValueError`` for arguments that their theorem is not for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral

from scipy.special import ndtri_exp

#: dimensions from here on are no longer exact as floating-point numbers
_MOST_DIMENSIONS = 2**53


@dataclass(frozen=True)
class Rate:
    """The bound constant·n^(−power), with ``log_constant`` = ln(constant) and power ½ or 1."""

    log_constant: float
    power: float

    def at(self, n: float) -> float:
        """The bound for ``n`` samples; ``math.inf`` where it is beyond floating-point numbers.

        Raises ``ValueError`` unless n > 0 and finite.
        """
        _check_number("n", n, "a finite number of samples above 0", 0.0 < n < math.inf)
        if self.log_constant > 709.0 or n > 1e300:
            return _exp(self.log_constant - self.power * math.log(n))
        return math.exp(self.log_constant) / (math.sqrt(n) if self.power == 0.5 else n)

    def samples(self, eta: float) -> int | float:
        """The least n ≥ 1 with ``at(n) <= eta``; ``math.inf`` beyond floating-point numbers.

        Raises ``ValueError`` unless eta > 0.
        """
        if self.log10_samples(eta) > 300.0:
            return math.inf
        return _least(lambda n: self.at(n) <= eta)

    def log10_samples(self, eta: float) -> float:
        """log10 of the n for which the bound is eta, however large; at least 0.

        Raises ``ValueError`` unless eta > 0.
        """
        _check_number("eta", eta, "a positive error", eta > 0.0)
        return max(0.0, (self.log_constant - math.log(eta)) / (self.power * math.log(10.0)))


def theorem_3(d: int, beta: float, mu: float, K: float) -> Rate:
    """Eq. (7): bounds E|h(P∗φ_β) − h(P̂_n∗φ_β)| over K-subgaussian P with mean of norm ≤ mu.

    As printed. Both entropies are unmoved by a shift of P, so mu = 0 may be used for any P.
    """
    _check(d, beta)
    _check_number("mu", mu, "a finite norm ≥ 0", 0.0 <= mu < math.inf)
    _check_number("K", K, "a finite number ≥ 0", 0.0 <= K < math.inf)
    log_mu, log_k, log_beta = _log(mu), _log(K), math.log(beta)
    log_radius = _log_sum(log_k, log_beta - 0.5 * math.log(2.0))
    log_inner = _log_sum(
        math.log(2) + 4 * log_mu,
        math.log(32) + 2 * math.log(d) + 4 * log_k,
        math.log(d) + math.log(d + 2) + 4 * log_radius,
    )
    log_constant = (
        0.5 * d * _log_sum(-0.5 * math.log(2.0), log_k - log_beta)
        + 0.5 * (math.log(8) + log_inner - 4 * log_beta)
        + 3 * d / 16
        + _exp(2 * (log_mu - log_radius)) / 4
    )
    return Rate(log_constant, 0.5)


def remark_2(d: int, beta: float) -> Rate:
    """Remark 2: max(1, β^−d)·2^(d+2)·√(d/n) bounds the same risk for P on [−1, 1]^d."""
    _check(d, beta)
    return Rate(max(0.0, -d * math.log(beta)) + (d + 2) * math.log(2.0) + 0.5 * math.log(d), 0.5)


def bounded_support(d: int, beta: float) -> Rate:
    """The smaller of Theorem 3 and Remark 2 for P on [−1, 1]^d: the Δ of a tanh layer.

    Such a P is subgaussian with K = √d (Hoeffding: its projection on α lies in an interval of
    length 2·|α|₁ ≤ 2√d·|α|) and may be shifted to mean 0. The K' that section 9.1 leaves open thus
    grows with d, so that (7) alone does not give the c^d with a numerical c that (2) speaks of;
    Remark 2 does, with c = 2·max(1, 1/β) and the factor √d beside it.
    """
    return min(
        theorem_3(d, beta, 0.0, math.sqrt(d)), remark_2(d, beta), key=lambda rate: rate.log_constant
    )


def theorem_4(delta: Rate, d: int, beta: float) -> Rate:
    """Eq. (11): 2Δ(n) + d·ln(1 + 1/β²)/(4√n) bounds E|I(X;T) − Î_SP| for layers in [−1, 1]^d.

    ``delta`` is the risk Δ of the entropy estimator. The second term is for n inputs drawn at
    random; measuring every input once leaves it out.
    """
    _check(d, beta)
    # β^−2 may be 0 or infinite as a floating-point number, its logarithm is neither
    log_square = -2 * math.log(beta)
    log_capacity = log_square if log_square < -40.0 else math.log(_log_sum(0.0, log_square))
    drawing_inputs = math.log(d) + log_capacity - math.log(4.0)
    return Rate(_log_sum(math.log(2.0) + delta.log_constant, drawing_inputs), 0.5)


def theorem_1(d: int, beta: float) -> Rate:
    """Eq. (2): Theorem 4 with the entropy risk of a tanh layer, n = n_x.

    Slips in (2): σ stands for β, and 8c^d for 8·Δ(n)·√n; :func:`bounded_support` says what c is.
    For d = 3, β = 0.005 and an error of 0.8 it asks for 1.2·10^18 samples, not the 4·10^9 of
    section 3.2.
    """
    return theorem_4(bounded_support(d, beta), d, beta)


def theorem_5_least_eps(d: int, beta: float) -> float:
    """The eps that Theorem 5 must exceed, 1 − (1 − 2Q(1/2β))^d: there k_* falls below 2."""
    _check(d, beta)
    place = 0.5 / beta / math.sqrt(2.0)
    log_correct = math.log(math.erf(place)) if place < 0.5 else math.log1p(-math.erfc(place))
    return -math.expm1(d * log_correct)


def theorem_5_k_star(d: int, beta: float, eps: float) -> int | float:
    """The k_* of Theorem 5: the most k for which k^d grid points under noise β are told apart with
    an error of at most eps.

    ⌊1/(β·Q⁻¹(½(1 − (1 − eps)^(1/d))))⌋. The paper prints a ceiling; the proof needs an error of at
    most eps, so the floor, and only this gives the 3 and 2 of section 9.4. ``math.inf`` for
    eps = 1, an error that any grid keeps.

    Raises ``ValueError`` unless eps is above :func:`theorem_5_least_eps` and at most 1.
    """
    least = theorem_5_least_eps(d, beta)
    if eps == 1.0:
        return math.inf
    needed = f"Theorem 5's {least:.3g} < eps ≤ 1 for d = {d} and beta = {beta}"
    _check_number("eps", eps, needed, least < eps < 1.0)
    # of a coordinate: 1 − (1 − eps)^(1/d), whose logarithm never underflows
    rate = -math.log1p(-eps)
    log_error = math.log(rate) - math.log(d) if rate < 1e-17 else math.log(-math.expm1(-rate / d))
    quantile = -float(ndtri_exp(log_error - math.log(2.0)))
    # a fraction, as the quotient may be beyond floating-point numbers; at least 2, as eps > least
    return max(2, math.floor(1 / (Fraction(float(beta)) * Fraction(quantile))))


def theorem_5(n: float, d: int, beta: float, eps: float) -> float:
    """Eq. (12): the bias of h(P̂_n∗φ_β) is at least ln(k_*^(d(1−eps))/n) − H_b(eps) for some P.

    Negative where it says nothing. Raises ``ValueError`` as :func:`theorem_5_k_star`, and unless
    n > 0 and finite.
    """
    _check_number("n", n, "a finite number of samples above 0", 0.0 < n < math.inf)
    return _log_samples_without_bias(d, beta, eps) - math.log(n)


def theorem_5_samples(delta: float, d: int, beta: float, eps: float) -> int | float:
    """The least n at which Theorem 5 allows a bias below ``delta`` for all P on [−1, 1]^d.

    Below it some P has a bias of ``delta`` or more. ``math.inf`` beyond floating-point numbers.

    Raises ``ValueError`` as :func:`theorem_5_k_star`, and unless delta > 0.
    """
    _check_number("delta", delta, "a positive bias", delta > 0.0)
    if _log_samples_without_bias(d, beta, eps) - delta > 690.0:
        return math.inf
    return _least(lambda n: theorem_5(n, d, beta, eps) < delta)


def theorem_6_bounded(d: int, beta: float) -> Rate:
    """Eq. (16): bounds the mean squared error of ĥ_MC in n·n_MC for centres in [−1, 1]^d.

    The proof's (44) prints 4 + β² for the 2 + β² that both (43) and (16) need.
    """
    _check(d, beta)
    return Rate(math.log(2 * d) + _log_sum(math.log(2.0) - 2 * math.log(beta), 0.0), 1.0)


def theorem_6_second_moment(d: int, beta: float, moment: float) -> Rate:
    """Eq. (17): that mean squared error for any centres with E|C|² = ``moment``, as of ReLU layers.

    As printed. Its proof slips in (46), which does not scale with C and β; (45) gives
    (9dβ² + 49M + 24β√(dM))/β² instead. The printed bound is true all the same: it is at least 9d,
    see :func:`theorem_6_sharper`.

    Raises ``ValueError`` unless ``moment`` is at least 0 and finite.
    """
    _check(d, beta)
    _check_number("moment", moment, "a finite E|C|² ≥ 0", 0.0 <= moment < math.inf)
    # the three terms of (17), over β²
    log_noise = math.log(beta) + 0.5 * math.log(d)
    log_moment = _log(moment)
    numerator = (
        math.log(9) + 2 * log_noise,
        math.log(8) + _log_sum(math.log(2), log_noise) + log_moment,
        math.log(3) + _log_sum(math.log(11) + log_noise, 0.0) + 0.5 * log_moment,
    )
    return Rate(_log_sum(*numerator) - 2 * math.log(beta), 1.0)


def theorem_6_sharper(d: int) -> Rate:
    """d/(n·n_MC) bounds the mean squared error of ĥ_MC for any centres and any β.

    By (41) and (42) it is at most β²·J(V)/(n·n_MC), with J(V) = E|∇ln g(V)|² the Fisher
    information of V = C + Z, and noise alone has more of it: J(V) ≤ J(Z) = d/β². At d = 3 and
    β = 0.005 this is 1.6·10^5 times below (16).
    """
    _check(d, 1.0)
    return Rate(math.log(d), 1.0)


def _check(d: int, beta: float) -> None:
    whole = isinstance(d, Integral) and not isinstance(d, bool)
    needed = "a whole number of dimensions from 1 to 2^53"
    _check_number("d", d, needed, whole and 1 <= d <= _MOST_DIMENSIONS)
    _check_number("beta", beta, "a finite noise above 0", 0.0 < beta < math.inf)


def _check_number(name: str, value: float, needed: str, right: bool) -> None:
    if not right:
        raise ValueError(f"{name} = {value}: {needed} is needed")


def _log_samples_without_bias(d: int, beta: float, eps: float) -> float:
    """ln of the n at which (12) is zero, d·(1 − eps)·ln k_* − H_b(eps); its limit at eps = 1."""
    k_star = theorem_5_k_star(d, beta, eps)
    if k_star == math.inf:
        return 0.0
    binary_entropy = -eps * math.log(eps) - (1.0 - eps) * math.log1p(-eps)
    return d * (1.0 - eps) * math.log(k_star) - binary_entropy


def _least(enough: Callable[[int], bool]) -> int:
    """The least n ≥ 1 with ``enough(n)``, given that ``enough`` holds for all larger n."""
    above = 1
    while not enough(above):
        above *= 2
    below = above // 2
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (below, middle) if enough(middle) else (middle, above)
    return above


def _exp(x: float) -> float:
    return math.exp(x) if x < 709.0 else math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf


def _log_sum(*logs: float) -> float:
    """ln of the sum of e^x over ``logs``, one of them above −∞."""
    *others, largest = sorted(logs)
    if largest == math.inf:
        return math.inf
    return largest + math.log1p(math.fsum(math.exp(x - largest) for x in others))
