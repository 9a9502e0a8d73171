"""The paper's bounds: their worked numbers, arithmetic by hand, and their inversions."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ib_runner.information.exact.quadrature import mutual_information
from ib_runner.information.theory.guarantees import (
    Rate,
    bounded_support,
    remark_2,
    theorem_1,
    theorem_3,
    theorem_4,
    theorem_5,
    theorem_5_k_star,
    theorem_5_least_eps,
    theorem_5_samples,
    theorem_6_bounded,
    theorem_6_second_moment,
    theorem_6_sharper,
)


def test_the_worked_numbers_of_section_9_4():
    for d in range(1, 12):
        assert theorem_5_k_star(d, 0.1, 0.01) == 3
    for d in [*range(12, 30), 100, 1000, 10**4]:
        assert theorem_5_k_star(d, 0.1, 0.01) == 2
    assert theorem_5_least_eps(10**4, 0.1) == pytest.approx(0.0057, abs=5e-5)
    assert all(theorem_5_least_eps(d, 0.1) <= 0.00572 for d in (1, 10, 100, 1000, 10**4))
    # H_b(0.01) ≈ 0.056, and n > 2^(0.99·d) up to that factor
    assert theorem_5(1, 20, 0.1, 0.01) == pytest.approx(0.99 * 20 * math.log(2) - 0.056, abs=1e-4)
    assert theorem_5_samples(1e-9, 20, 0.1, 0.01) == math.ceil(
        2 ** (0.99 * 20) * math.exp(-0.0560015344 - 1e-9)
    )


@pytest.mark.parametrize("d", [1, 3, 12, 40])
@pytest.mark.parametrize("beta", [0.005, 0.1, 0.3])
def test_k_star_is_the_finest_grid_whose_error_is_below_eps(d, beta):
    def decoding_error(k: int) -> float:
        return 1 - (1 - 2 * norm.sf(1 / (k * beta))) ** d

    eps = 0.99 if beta == 0.3 else 0.05
    k = theorem_5_k_star(d, beta, eps)
    assert k >= 2
    assert decoding_error(k) <= eps < decoding_error(k + 1)


def test_eps_must_leave_a_grid_of_two():
    with pytest.raises(ValueError, match="eps"):
        theorem_5_k_star(3, 0.3, theorem_5_least_eps(3, 0.3))
    assert theorem_5_k_star(3, 0.3, theorem_5_least_eps(3, 0.3) * (1 + 1e-9)) == 2


def test_theorem_5_is_a_true_lower_bound_for_its_grid():
    # for n = 1 the estimate is h(Z) whatever P: on a k² grid the bias is I(S; S + Z) exactly
    beta, eps = 0.1, 0.01
    k = theorem_5_k_star(2, beta, eps)
    line = (2 * np.arange(k) + 1) / k - 1
    assert theorem_5(1, 2, beta, eps) <= 2 * mutual_information(line, beta).value


@pytest.mark.parametrize(("d", "beta", "mu", "K"), [(1, 1.0, 0.0, 1.0), (3, 0.1, 0.5, 2.0)])
def test_theorem_3_as_printed(d, beta, mu, K):
    n = 1000
    root = math.sqrt(2)
    inner = 8 * (2 * mu**4 + 32 * d**2 * K**4 + d * (d + 2) * (K + beta / root) ** 4) / beta**4
    exponent = 3 * d / 16 + mu**2 / (4 * (K + beta / root) ** 2)
    printed = (1 / root + K / beta) ** (d / 2) * inner**0.5 * math.exp(exponent) / math.sqrt(n)
    assert theorem_3(d, beta, mu, K).at(n) == pytest.approx(printed, rel=1e-12)


def test_remark_2_and_theorem_4_as_printed():
    assert remark_2(3, 0.1).at(100) == pytest.approx(1000 * 2**5 * math.sqrt(3 / 100))
    assert remark_2(2, 5.0).at(50) == pytest.approx(2**4 * math.sqrt(2 / 50))
    delta = remark_2(3, 0.1)
    printed = 2 * delta.at(50) + 3 * math.log(1 + 100) / (4 * math.sqrt(50))
    assert theorem_4(delta, 3, 0.1).at(50) == pytest.approx(printed, rel=1e-12)


def test_bounded_support_takes_the_smaller():
    for d, beta in [(3, 0.005), (50, 0.005), (5, 1.0), (784, 0.1)]:
        both = (remark_2(d, beta).log_constant, theorem_3(d, beta, 0.0, d**0.5).log_constant)
        assert bounded_support(d, beta).log_constant == min(both)


def test_theorem_1_asks_for_more_than_section_3_2_says():
    assert theorem_1(3, 0.005).samples(0.8) == pytest.approx(1.2288e18, rel=1e-4)


def test_theorem_6_as_printed():
    assert theorem_6_bounded(3, 0.005).at(1000) == pytest.approx(6 * (2 + 25e-6) / 25e-6 / 1000)
    d, beta, moment = 4, 0.1, 2.5
    printed = (
        9 * d * beta**2 + 8 * (2 + beta * 2) * moment + 3 * (11 * beta * 2 + 1) * math.sqrt(moment)
    ) / beta**2
    assert theorem_6_second_moment(d, beta, moment).at(1) == pytest.approx(printed, rel=1e-12)
    ratio = theorem_6_bounded(3, 0.005).at(1) / theorem_6_sharper(3).at(1)
    assert ratio == pytest.approx(1.6e5, rel=0.01)


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.1, 3.0])
def test_the_sharper_bound_holds_for_real_mixtures(spread):
    n, d, beta, draws = 20, 3, 0.1, 4000
    generator = torch.Generator().manual_seed(0)
    centres = spread * torch.randn(n, d, generator=generator, dtype=torch.float64)
    z = beta * torch.randn(n, draws, d, generator=generator, dtype=torch.float64)
    squares = (centres[:, None, None] + z[:, :, None] - centres).square().sum(-1)
    variance = (squares / (-2 * beta**2)).logsumexp(-1).var(1).mean()
    mse_of_one_draw = float(variance) / n
    assert mse_of_one_draw <= 1.05 * theorem_6_sharper(d).at(n)
    assert theorem_6_sharper(d).at(n) <= theorem_6_second_moment(d, beta, 0.0).at(n)
    if spread == 0.0:
        # −ln g is |z|²/2β² there, of variance d/2
        assert mse_of_one_draw == pytest.approx(d / 2 / n, rel=0.05)


RATES = [
    remark_2(1, 1.0),
    remark_2(3, 0.1),
    theorem_1(2, 0.3),
    theorem_3(2, 1.0, 0.1, 0.5),
    theorem_6_bounded(3, 0.005),
    theorem_6_sharper(7),
    Rate(math.log(8.0), 0.5),
    Rate(math.log(3.0), 1.0),
]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("eta", [10.0, 1.0, 0.3, 0.01, 1e-3])
def test_samples_is_the_least_n(rate, eta):
    n = rate.samples(eta)
    assert isinstance(n, int)
    assert rate.at(n) <= eta
    assert n == 1 or rate.at(n - 1) > eta
    if n > 1:
        assert math.log10(n) == pytest.approx(rate.log10_samples(eta), abs=0.31 if n < 4 else 0.2)


@pytest.mark.parametrize(("d", "beta", "eps"), [(3, 0.1, 0.01), (10, 0.1, 0.01), (5, 0.005, 0.05)])
@pytest.mark.parametrize("delta", [0.01, 0.5])
def test_theorem_5_samples_is_the_least_n(d, beta, eps, delta):
    n = theorem_5_samples(delta, d, beta, eps)
    assert theorem_5(n, d, beta, eps) < delta <= theorem_5(n - 1, d, beta, eps)


def test_high_dimensions_do_not_overflow():
    rate = theorem_1(12544, 0.005)
    assert rate.at(1e6) == math.inf
    assert rate.samples(0.1) == math.inf
    assert 3e4 < rate.log10_samples(0.1) < math.inf
    assert theorem_5_samples(0.1, 12544, 0.05, 0.01) == math.inf
    assert theorem_6_bounded(12544, 0.005).samples(0.1) < 1e11


@pytest.mark.parametrize("log10_beta", [-300, -200, 8, 8.4, 9, 200, 300])
@pytest.mark.parametrize("d", [1, 3])
def test_constants_at_the_ends_of_floating_point_numbers(d, log10_beta):
    beta, log_beta = 10.0**log10_beta, log10_beta * math.log(10.0)
    inverse = max(0.0, -d * log_beta)
    assert remark_2(d, beta).log_constant == pytest.approx(
        inverse + (d + 2) * math.log(2) + 0.5 * math.log(d)
    )
    # ln(1 + β^−2) is −2·ln β for little noise and β^−2 for much
    capacity = -2 * log_beta if log10_beta > 0 else math.log(-2 * log_beta)
    drawing = Rate(-math.inf, 0.5)
    assert theorem_4(drawing, d, beta).log_constant == pytest.approx(capacity + math.log(d / 4))
    scale = max(0.0, math.log(2) - 2 * log_beta)
    assert theorem_6_bounded(d, beta).log_constant == pytest.approx(math.log(2 * d) + scale)
    moments = max(math.log(9 * d), math.log(19) - 2 * log_beta)
    assert theorem_6_second_moment(d, beta, 1.0).log_constant == pytest.approx(moments)
    # K/β is nothing or everything
    radius = -0.5 * math.log(2) if log10_beta > 0 else -log_beta
    inner = math.log(d * (d + 2) + (32 * d**2 if log10_beta < 0 else 0)) + 4 * radius
    printed = 0.5 * (d * radius + math.log(8) + inner) + 3 * d / 16
    assert theorem_3(d, beta, 0.0, 1.0).log_constant == pytest.approx(printed)


def test_theorem_3_of_a_mean_or_a_width_beyond_a_fourth_power():
    assert math.isfinite(theorem_3(2, 0.1, 1e200, 1e200).log_constant)
    rate = theorem_3(2, 0.1, 1e200, 1.0)
    assert rate.at(10) == theorem_4(rate, 2, 0.1).at(10) == rate.samples(0.1) == math.inf
    assert math.isfinite(theorem_3(2, 0.1, 0.0, 0.0).log_constant)


def test_noise_that_leaves_no_grid_of_two_needs_eps_1():
    assert theorem_5_least_eps(1, 1e17) == 1.0
    assert theorem_5_least_eps(3, 1.7e308) == 1.0
    assert theorem_5_least_eps(3, 5e-324) == 0.0
    assert theorem_5_least_eps(1, 1e6) == pytest.approx(
        1 - 1e-6 / math.sqrt(2 * math.pi), abs=1e-15
    )


@pytest.mark.parametrize("beta", [0.005, 0.3, 1e17])
def test_eps_1_is_in_the_range_and_says_nothing(beta):
    assert theorem_5_k_star(3, beta, 1.0) == math.inf
    assert theorem_5(10, 3, beta, 1.0) == pytest.approx(-math.log(10))
    assert theorem_5_samples(0.1, 3, beta, 1.0) == 1
    if beta < 1:
        assert theorem_5(10, 3, beta, 1 - 1e-13) == pytest.approx(-math.log(10), abs=1e-10)


def test_k_star_of_next_to_no_noise_or_error():
    assert math.log10(theorem_5_k_star(1, 1e-310, 0.9)) == pytest.approx(
        310 - math.log10(norm.isf(0.45)), abs=1e-6
    )
    assert theorem_5_k_star(7, 0.001, 5e-324) == math.floor(1000 / 38.52)


def test_bounds_of_large_constants_at_large_n():
    assert Rate(720.0, 1.0).at(1e20) == pytest.approx(math.exp(720 - 20 * math.log(10)))
    assert Rate(720.0, 1.0).samples(1e280) == pytest.approx(
        math.exp(720 - 280 * math.log(10)), 1e-9
    )
    assert remark_2(3, 0.1).at(10**400) == pytest.approx(0.0, abs=1e-190)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: remark_2(3, 0.0), "beta = 0.0: a finite noise above 0"),
        (lambda: theorem_1(3, math.nan), "beta = nan: a finite noise"),
        (lambda: theorem_5_least_eps(3, math.inf), "beta = inf: a finite noise"),
        (lambda: theorem_3(0, 0.1, 0.0, 1.0), "d = 0: a whole number"),
        (lambda: theorem_4(Rate(0.0, 0.5), 2.5, 0.1), "d = 2.5: a whole number"),
        (lambda: theorem_6_sharper(True), "d = True: a whole number"),
        (lambda: theorem_6_sharper(0), "d = 0: a whole number"),
        (lambda: remark_2(10**400, 0.1), "d = 1000+: a whole number"),
        (lambda: theorem_3(3, 0.1, 0.0, -1.0), "K = -1.0: a finite number ≥ 0"),
        (lambda: theorem_3(3, 0.1, 0.0, math.nan), "K = nan: a finite number"),
        (lambda: theorem_3(3, 0.1, -0.5, 1.0), "mu = -0.5: a finite norm ≥ 0"),
        (lambda: theorem_6_second_moment(3, 0.1, -1.0), "moment = -1.0: a finite"),
        (lambda: theorem_6_second_moment(3, 0.1, math.inf), "moment = inf: a finite"),
        (lambda: remark_2(3, 0.1).at(0), "n = 0: a finite number of samples above 0"),
        (lambda: remark_2(3, 0.1).at(-4), "n = -4: a finite number of samples"),
        (lambda: remark_2(3, 0.1).at(math.nan), "n = nan: a finite number of samples"),
        (lambda: remark_2(3, 0.1).samples(0.0), "eta = 0.0: a positive error"),
        (lambda: remark_2(3, 0.1).log10_samples(-1.0), "eta = -1.0: a positive error"),
        (lambda: theorem_5(0, 3, 0.1, 0.01), "n = 0: a finite number of samples"),
        (lambda: theorem_5(10, 3, 0.1, 1.1), "eps = 1.1: Theorem 5's .* < eps ≤ 1"),
        (lambda: theorem_5(10, 3, 0.1, math.nan), "eps = nan: Theorem 5's"),
        (lambda: theorem_5_samples(math.nan, 3, 0.1, 0.01), "delta = nan: a positive bias"),
    ],
)
def test_errors_name_the_cause(call, message):
    with pytest.raises(ValueError, match=message):
        call()
