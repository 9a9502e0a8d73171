"""Quadrature against scipy's adaptive integration, limits and closed forms."""

import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from ib_runner.information.exact import quadrature
from ib_runner.information.exact.quadrature import (
    mixture_density,
    mixture_entropies,
    mixture_entropy,
    mutual_information,
    next_layer,
)


def two_points(distance: float) -> float:
    """I of two points in unit noise: ln 2 − E[ln(1 + exp(−2a(a + z)))] with a = distance/2."""
    a = distance / 2
    integrand = lambda z: (  # noqa: E731
        np.logaddexp(0.0, -2 * a * (a + z)) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    )
    parts = [quad(integrand, lo, lo + 4, epsabs=1e-13, limit=200)[0] for lo in range(-20, 20, 4)]
    return math.log(2) - sum(parts)


@pytest.mark.parametrize("distance", [0.01, 0.3, 1.0, 2.5, 4.0, 7.0, 12.0])
@pytest.mark.parametrize("beta", [0.005, 1.0, 40.0])
def test_two_centres(distance, beta):
    result = mutual_information(np.array([0.3, 0.3 + distance * beta]), beta)
    assert result.value == pytest.approx(two_points(distance), abs=1e-9)
    assert result.error < 1e-9


def test_limits():
    for n in (1, 2, 50):
        assert mutual_information(np.zeros(n), 0.1).value == pytest.approx(0.0, abs=1e-10)
        apart = np.arange(n) * 30.0
        assert mutual_information(apart, 1.0).value == pytest.approx(math.log(n), abs=1e-10)


def test_equal_centres_count_as_clusters():
    centres = np.repeat([0.0, 1.0, 2.0, 5.0], [1, 2, 3, 2])
    share = np.array([1, 2, 3, 2]) / 8
    assert mutual_information(centres, 0.01).value == pytest.approx(
        -(share * np.log(share)).sum(), abs=1e-10
    )


def test_many_centres_against_scipy():
    centres = np.random.default_rng(0).uniform(-1, 1, 40)
    beta = 0.05

    def minus_p_log_p(t):
        p = np.exp(-0.5 * ((t - centres) / beta) ** 2).mean() / (beta * math.sqrt(2 * math.pi))
        return -p * math.log(p) if p > 0 else 0.0

    grid = np.linspace(-2.5, 2.5, 101)
    h = sum(quad(minus_p_log_p, a, b, epsabs=1e-13)[0] for a, b in pairwise(grid))
    assert mixture_entropy(centres, beta).value == pytest.approx(h, abs=1e-9)


def test_a_uniform_density_is_reached():
    # centres much denser than β, over a range of 2000 β: h ≈ ln(range) but for the two ends
    centres = np.linspace(0.0, 2000.0, 4096)
    assert mixture_entropy(centres, 1.0).value == pytest.approx(math.log(2000.0), abs=2e-3)


def test_linear_second_layer_is_gaussian_again():
    s, beta = np.array([-0.2, 0.0, 0.05, 0.31]), 0.05
    slope = 1.7
    centres, weights = next_layer(s, beta, lambda t: slope * t + 0.4, panel=0.5)
    by_nodes = mutual_information(centres, beta, weights)
    exact = mutual_information(slope * s, beta * math.hypot(slope, 1.0))
    assert by_nodes.value == pytest.approx(exact.value, abs=1e-9)


def test_linear_third_layer_is_gaussian_again():
    s, beta = np.array([-0.2, 0.1, 0.2]), 0.1
    centres, weights = next_layer(s, beta, lambda t: 1.5 * t, panel=0.5)
    centres, weights = next_layer(centres, beta, lambda t: 0.8 * t, panel=0.5, weights=weights)
    variance = beta**2 * (1 + 0.8**2 * (1 + 1.5**2))
    exact = mutual_information(1.2 * s, math.sqrt(variance))
    assert mutual_information(centres, beta, weights).value == pytest.approx(exact.value, abs=1e-9)


@pytest.mark.parametrize("kinks", [(), (0.1,)])
def test_kinks_need_to_be_named(kinks):
    s, beta = np.array([0.0, 0.1, 0.2, 0.6]), 0.1
    leaky = lambda t: np.where(t > 0.1, t - 0.1, 0.1 * (t - 0.1))  # noqa: E731
    results = []
    for panel in (1.0, 0.37):
        centres, weights = next_layer(s, beta, leaky, panel=panel, kinks=kinks)
        results.append(mutual_information(centres, beta, weights).value)
    moved = abs(results[0] - results[1])
    assert moved < 1e-9 if kinks else moved > 1e-9


@pytest.mark.parametrize("s", [[0.4, -0.3, 0.0], [9.0, -7.0, 0.2, 0.1]])
def test_thinned_centres_change_nothing(s):
    """Two layers on a first one whose inputs are in any order, near each other or far apart."""
    leaky = lambda t: np.where(t > 0, t, 0.1 * t)  # noqa: E731
    results = []
    for next_beta in (None, 0.15):
        first = next_layer(np.array(s), 0.2, np.tanh, panel=0.37, kinks=[0.0], next_beta=next_beta)
        centres, weights = next_layer(
            first[0], 0.15, leaky, panel=0.5, kinks=[0.0], weights=first[1], next_beta=next_beta
        )
        results.append([m.value for m in mixture_entropies(centres, 0.15, weights)])
    assert results[0] == pytest.approx(results[1], abs=1e-12)


def test_entropies_of_many_mixtures_are_those_of_each(monkeypatch):
    monkeypatch.setattr(quadrature, "_MIXTURES_AT_ONCE", 2)
    rng = np.random.default_rng(1)
    centres, weights = rng.uniform(-3, 3, 200), rng.dirichlet(np.full(200, 0.02), 5)
    together = mixture_entropies(centres, 0.1, weights)
    alone = [mixture_entropy(centres, 0.1, of_one) for of_one in weights]
    assert [m.value for m in together] == pytest.approx([m.value for m in alone], abs=1e-11)


def test_the_density_at_any_places():
    rng = np.random.default_rng(2)
    centres, weights = rng.uniform(-1, 1, 3000), rng.dirichlet(np.ones(3000))
    t = rng.uniform(-3, 3, 300)
    kernel = np.exp(-0.5 * ((t[:, None] - centres) / 0.3) ** 2) / (0.3 * math.sqrt(2 * math.pi))
    assert mixture_density(t, centres, 0.3, weights) == pytest.approx(kernel @ weights, abs=1e-14)
    assert mixture_density(t, centres, 0.3) == pytest.approx(kernel.mean(1), abs=1e-14)


def peak_megabytes(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_memory_grows_neither_with_panels_nor_with_crowded_centres():
    s = np.linspace(-1, 1, 20)
    # 500 000 nodes: 80 MB of p(t|x)
    steep = lambda: next_layer(s, 1.0, np.tanh, panel=1.1e-3, next_beta=0.1)  # noqa: E731
    assert peak_megabytes(steep) < 30
    # 320 nodes at a time: 500 MB of the kernel
    assert peak_megabytes(lambda: mixture_entropy(np.linspace(-1, 1, 200_000), 0.2)) < 60


def test_what_would_take_too_long_is_refused_before_it_begins(monkeypatch):
    def never(t):
        raise AssertionError("it has begun")

    s = np.array([0.0, 1.0])
    with pytest.raises(ValueError, match=r"some 1\.\de\+16 values .* method coupled or more noise"):
        next_layer(s, 1.0, never, panel=2e-12, next_beta=1.0)
    with pytest.raises(ValueError, match=r"hold \d\.\de\+11 weights, more than 3e\+07"):
        next_layer(s, 1.0, lambda t: 1e9 * t, panel=0.5, next_beta=1.0)
    with pytest.raises(ValueError, match=r"hold 5\.\de\+07 weights"):
        next_layer(np.zeros(10_000), 1.0, never, panel=0.1)
    monkeypatch.setattr(quadrature, "MOST_WORK", 1e3)
    with pytest.raises(ValueError, match="values of the noise's density, more than 1e"):
        mixture_entropy(s, 1.0)


@pytest.mark.parametrize(
    ("centres", "beta", "weights", "message"),
    [
        ([0.0], 0.0, None, "beta"),
        ([0.0], math.nan, None, "beta"),
        ([math.inf], 1.0, None, "finite"),
        ([[0.0]], 1.0, None, "shape"),
        ([0.0, 1.0], 1.0, np.array([0.5, 0.6]), "sum"),
    ],
)
def test_errors_name_the_cause(centres, beta, weights, message):
    with pytest.raises(ValueError, match=message):
        mixture_entropy(np.array(centres), beta, weights)
