"""Every bound of the paper as a function, and the number of samples each asks for.

Theorem 2 and Remark 1 (no good estimator needs fewer samples than exponentially many in d) have
constants that are not explicit, and Remark 3 has none: they are in the documentation only.
Entropies and errors are in nats, β is the noise's standard deviation.

The constants outgrow floating-point numbers at d of some hundred, so they are kept as logarithms.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import ndtr, ndtri


@dataclass(frozen=True)
class Rate:
    """The bound constant·n^(−power), with ``log_constant`` = ln(constant) and power ½ or 1."""

    log_constant: float
    power: float

    def at(self, n: float) -> float:
        """The bound for ``n`` samples; ``math.inf`` where it is beyond floating-point numbers."""
        constant = _exp(self.log_constant)
        return constant / (math.sqrt(n) if self.power == 0.5 else n)

    def samples(self, eta: float) -> int | float:
        """The least n ≥ 1 with ``at(n) <= eta``; ``math.inf`` beyond floating-point numbers.

        Raises ``ValueError`` unless eta > 0.
        """
        if not eta > 0.0:
            raise ValueError(f"eta = {eta}: a positive error is needed")
        if self.log10_samples(eta) > 300.0:
            return math.inf
        return _least(lambda n: self.at(n) <= eta)

    def log10_samples(self, eta: float) -> float:
        """log10 of the n for which the bound is eta, however large; at least 0."""
        return max(0.0, (self.log_constant - math.log(eta)) / (self.power * math.log(10.0)))


def theorem_3(d: int, beta: float, mu: float, K: float) -> Rate:
    """Eq. (7): bounds E|h(P∗φ_β) − h(P̂_n∗φ_β)| over K-subgaussian P with mean of norm ≤ mu.

    As printed. Both entropies are unmoved by a shift of P, so mu = 0 may be used for any P.
    """
    _check(d, beta)
    radius = K + beta / math.sqrt(2.0)
    inner = 2 * mu**4 + 32 * d**2 * K**4 + d * (d + 2) * radius**4
    log_constant = (
        0.5 * d * math.log(1 / math.sqrt(2.0) + K / beta)
        + 0.5 * (math.log(8 * inner) - 4 * math.log(beta))
        + 3 * d / 16
        + mu**2 / (4 * radius**2)
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
    drawing_inputs = math.log(d * math.log1p(beta**-2) / 4)
    return Rate(_log_add(math.log(2.0) + delta.log_constant, drawing_inputs), 0.5)


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
    return -math.expm1(d * math.log1p(-2.0 * float(ndtr(-0.5 / beta))))


def theorem_5_k_star(d: int, beta: float, eps: float) -> int:
    """The k_* of Theorem 5: the finest grid of k^d points that noise β lets tell apart but for eps.

    ⌊1/(β·Q⁻¹(½(1 − (1 − eps)^(1/d))))⌋. The paper prints a ceiling; the proof needs an error of at
    most eps, so the floor, and only this gives the 3 and 2 of section 9.4.

    Raises ``ValueError`` unless eps is above :func:`theorem_5_least_eps` and below 1.
    """
    least = theorem_5_least_eps(d, beta)
    if not least < eps < 1.0:
        raise ValueError(f"eps = {eps}: Theorem 5 needs {least:.3g} < eps < 1")
    error_of_a_coordinate = -math.expm1(math.log1p(-eps) / d)
    return math.floor(1.0 / (beta * -float(ndtri(0.5 * error_of_a_coordinate))))


def theorem_5(n: float, d: int, beta: float, eps: float) -> float:
    """Eq. (12): the bias of h(P̂_n∗φ_β) is at least ln(k_*^(d(1−eps))/n) − H_b(eps) for some P.

    Negative where it says nothing. Raises ``ValueError`` as :func:`theorem_5_k_star`.
    """
    return _log_samples_without_bias(d, beta, eps) - math.log(n)


def theorem_5_samples(delta: float, d: int, beta: float, eps: float) -> int | float:
    """The least n at which Theorem 5 allows a bias below ``delta`` for all P on [−1, 1]^d.

    Below it some P has a bias of ``delta`` or more. ``math.inf`` beyond floating-point numbers.
    """
    if _log_samples_without_bias(d, beta, eps) - delta > 690.0:
        return math.inf
    return _least(lambda n: theorem_5(n, d, beta, eps) < delta)


def theorem_6_bounded(d: int, beta: float) -> Rate:
    """Eq. (16): bounds the mean squared error of ĥ_MC in n·n_MC for centres in [−1, 1]^d.

    The proof's (44) prints 4 + β² for the 2 + β² that both (43) and (16) need.
    """
    _check(d, beta)
    return Rate(math.log(2 * d * (2 + beta**2)) - 2 * math.log(beta), 1.0)


def theorem_6_second_moment(d: int, beta: float, moment: float) -> Rate:
    """Eq. (17): the same for any centres with E|C|² = ``moment``, for instance of ReLU layers.

    As printed. Its proof slips in (46), which does not scale with C and β; (45) gives
    (9dβ² + 49M + 24β√(dM))/β² instead. The printed bound is true all the same: it is at least 9d,
    see :func:`theorem_6_sharper`.

    Raises ``ValueError`` if ``moment`` is negative.
    """
    _check(d, beta)
    if not moment >= 0.0:
        raise ValueError(f"moment = {moment}: E|C|² ≥ 0 is needed")
    noise = beta * math.sqrt(d)
    numerator = 9 * noise**2 + 8 * (2 + noise) * moment + 3 * (11 * noise + 1) * math.sqrt(moment)
    return Rate(math.log(numerator) - 2 * math.log(beta), 1.0)


def theorem_6_sharper(d: int) -> Rate:
    """d/(n·n_MC) bounds the mean squared error of ĥ_MC for any centres and any β.

    By (41) and (42) it is at most β²·J(V)/(n·n_MC), with J(V) = E|∇ln g(V)|² the Fisher
    information of V = C + Z, and noise alone has more of it: J(V) ≤ J(Z) = d/β². At d = 3 and
    β = 0.005 this is 1.6·10^5 times below (16).
    """
    return Rate(math.log(d), 1.0)


def _check(d: int, beta: float) -> None:
    if d < 1 or not 0.0 < beta < math.inf:
        raise ValueError(f"d = {d}, beta = {beta}: a dimension ≥ 1 and a positive noise are needed")


def _log_samples_without_bias(d: int, beta: float, eps: float) -> float:
    """ln of the n at which (12) is zero: d·(1 − eps)·ln k_* − H_b(eps)."""
    k_star = theorem_5_k_star(d, beta, eps)
    binary_entropy = -eps * math.log(eps) - (1.0 - eps) * math.log1p(-eps)
    return d * (1.0 - eps) * math.log(k_star) - binary_entropy


def _least(enough: Callable[[int], bool]) -> int:
    """The least n ≥ 1 that is enough, given that all larger ones are."""
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


def _log_add(a: float, b: float) -> float:
    """ln(e^a + e^b)."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))
