"""The terms of the bounds, where the densities are known, and the interval that is made of them."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm, t

from ib_runner.information.interval.bounds import (
    MISS,
    ROUNDING,
    Bound,
    Points,
    bound_x,
    bound_y,
    interval,
    stratified_stderr,
    unseen_below,
)
from ib_runner.information.interval.mixtures import LN2, PRUNED, MixtureSums

#: outputs of four inputs in noise of 1, and their classes
S = np.array([-2.0, -0.7, 0.7, 2.0])
CLASSES = np.array([0, 0, 1, 1])
N_MC = 40_000


def information(weights: np.ndarray) -> float:
    """h(T) − h(T|X) for ``weights`` [4] of the outputs S, on a grid."""
    grid, step = np.linspace(-12, 12, 24_001, retstep=True)
    density = norm.pdf(grid[:, None] - S) @ weights
    entropy = -(density * np.log(density)).sum() * step
    return float(entropy) - 0.5 * math.log(2 * math.pi * math.e)


def exact_terms():
    """Points t = s + z, and the sums of the true densities there."""
    z = np.random.default_rng(0).standard_normal((4, N_MC))
    log_p = -(((S[:, None] + z)[None] - S[:, None, None]) ** 2) / 2 / LN2  # [x', x, m]
    own = np.stack([log_p[k, k] for k in range(4)])
    total = logsumexp(log_p * LN2, axis=0) / LN2
    mine = CLASSES[:, None] == CLASSES
    same = logsumexp(np.where(mine[:, :, None], log_p * LN2, -np.inf), axis=0) / LN2
    return Points(z[:, None], own), MixtureSums(own, same, total, 0)


def test_with_the_true_densities_both_bounds_on_x_are_the_information():
    points, sums = exact_terms()
    bound = bound_x(points, sums, 4, delta=1e-6)
    truth = information(np.full(4, 0.25))
    assert bound.upper.mean() == pytest.approx(truth, abs=4 * stratified_stderr(bound.upper))
    lower = bound.lower.mean() + PRUNED
    assert lower == pytest.approx(truth, abs=4 * stratified_stderr(bound.lower) + 1e-5)


def test_with_the_true_densities_the_bounds_on_y_hold_its_information():
    points, sums = exact_terms()
    bound = bound_y(points, sums, np.array([2, 2, 2, 2]), delta=1e-6)
    halves = [information(np.where(k == CLASSES, 0.5, 0.0)) for k in (0, 1)]
    truth = information(np.full(4, 0.25)) - sum(halves) / 2
    assert 0.3 < truth < math.log(2) - 0.1
    for terms, pruned in ((bound.upper, -PRUNED), (bound.lower, PRUNED)):
        assert terms.mean() + pruned == pytest.approx(truth, abs=4 * stratified_stderr(terms))


def test_a_worse_density_moves_the_bounds_apart():
    points, sums = exact_terms()
    worse = MixtureSums(sums.own - 0.2, sums.same, sums.total, 0)  # q(t|x) too low by 0.2 bits
    best, bound = (bound_x(points, one, 4, delta=1e-6) for one in (sums, worse))
    assert bound.lower.mean() < best.lower.mean() - 0.1
    assert (bound.upper == best.upper).all()


@pytest.mark.parametrize("delta", [1e-4, 1e-2])
def test_no_term_of_the_lower_bound_is_below_the_logarithm_of_delta(delta):
    impossible = np.full((3, 2), -5000.0)
    sums = MixtureSums(impossible, impossible, np.zeros((3, 2)), 0)
    bound = bound_x(Points(np.zeros((3, 1, 2)), np.zeros((3, 2))), sums, 3, delta)
    assert bound.lower == pytest.approx(np.full((3, 2), math.log(delta) - PRUNED))


def test_the_standard_error_of_strata_by_hand():
    # each row has the variance 2, its mean the variance 1; the mean of two rows 2/4
    assert stratified_stderr(np.array([[0.0, 2.0], [10.0, 12.0]])) == pytest.approx(math.sqrt(0.5))


def test_terms_without_spread_leave_room_for_rare_points():
    terms = np.full((10, 5), 1.25)
    found = interval(Bound(terms, terms), highest=3.0, most=3.0)
    # 50 points all miss what has a probability of ln(1/0.025)/50 in 2.5 % of all cases; it may have
    # all of the 3 nats, or cost 3 nats where inputs begin to be confused
    share = math.log(1 / MISS) / 50
    assert found.upper == pytest.approx(1.25 + 1.75 * share + ROUNDING, abs=1e-12)
    assert found.lower == pytest.approx(1.25 - 3.0 * share - ROUNDING, abs=1e-12)
    assert (found.mi, found.stderr) == (1.25, 0.0)


def test_each_side_is_at_97_5_percent():
    terms = np.array([[0.9, 1.1], [0.8, 1.2]])
    found = interval(Bound(terms + 0.5, terms), highest=9.0, most=1.5)
    error = t.ppf(0.975, 2) * stratified_stderr(terms)
    assert found.upper == pytest.approx(1.5 + error + ROUNDING, abs=1e-12)
    rare = unseen_below(1.0, 4)
    assert found.lower == pytest.approx(max(1.0 - error - rare - ROUNDING, 0.0), abs=1e-12)
    assert found.mi == pytest.approx(1.25)


@pytest.mark.parametrize(("value", "expected"), [(5.0, (2.0, 2.0)), (-3.0, (0.0, 0.0))])
def test_an_interval_lies_between_0_and_the_entropy(value, expected):
    terms = np.full((100, 100), value)
    found = interval(Bound(terms, terms), highest=2.0, most=2.0)
    assert (found.lower, found.upper) == expected
    assert found.lower <= found.mi <= found.upper


def test_the_first_points_of_each_input():
    points = Points(np.arange(24.0).reshape(2, 3, 4), np.arange(8.0).reshape(2, 4)).first(2)
    assert points.t.shape == (2, 3, 2)
    assert points.log2_own_cloud.tolist() == [[0, 1], [4, 5]]
