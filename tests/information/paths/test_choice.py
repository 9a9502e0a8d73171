"""Two-phase sampling: points that get paths, and the mean over all points from them."""

import numpy as np
import pytest

from ib_runner.information.paths.choice import EVEN, Choice, Line

LOG_N = np.log(64)


def points(rng, n):
    """b at ``n`` points, and what paths change there: as much as they can where the guess is lost.

    That is so at one point in 500, and at others paths change next to nothing.
    """
    lost = rng.random(n) < 0.002
    base = np.where(lost, LOG_N - 11.0, LOG_N - 0.02 * rng.random(n))
    return base, np.where(lost, 11.0, 0.01 * rng.standard_normal(n))


def estimate(rng, share):
    """Mean change over 20,000 points from those chosen among them, and how many they are."""
    pilot, _ = points(rng, 2000)
    base, change = points(rng, 20_000)
    choice = Choice.of(pilot, 64, share)
    chances = choice.chances(base)
    line = Line(0.003, 0.4)
    expected = line.at(choice.room_at(base))
    chosen = rng.random(len(base)) < chances
    found = expected + np.where(chosen, (change - expected) / chances, 0.0)
    return found.mean() - change.mean(), chosen.sum()


def test_the_mean_is_that_over_all_points_whatever_the_line():
    rng = np.random.default_rng(0)
    errors, counts = np.transpose([estimate(rng, 0.02) for _ in range(300)])
    assert abs(errors.mean()) < 4 * errors.std() / np.sqrt(300)
    assert counts.mean() < 0.02 * 20_000 * 1.3


def test_points_where_the_guess_is_lost_are_hardly_ever_left_out():
    """A plain sample of 400 points would have an error of 11·√(0.002/400) = 0.025 nats."""
    rng = np.random.default_rng(1)
    errors = [estimate(rng, 0.02)[0] for _ in range(300)]
    assert np.std(errors) < 0.01


def test_changes_over_their_chances_are_at_most_so_many_mean_rooms():
    base = LOG_N - np.random.default_rng(2).exponential(1.0, 10_000)
    choice = Choice.of(base, 64, 1.0)
    room = LOG_N - base
    assert np.all(room / choice.density(base) <= choice.room / (1.0 - EVEN) * (1.0 + 1e-12))
    assert choice.density(base).mean() == pytest.approx(1.0)


def test_a_line_that_explains_all_leaves_nothing():
    rng = np.random.default_rng(3)
    room = rng.exponential(1.0, 100)
    line = Line.fit(room, 0.2 + 0.3 * room, 0.5 + 0.5 * room)
    assert (line.level, line.slope) == pytest.approx((0.2, 0.3), abs=1e-3)


def test_a_raised_line_is_the_best_of_those_that_are_at_least_0():
    """Changes fall from 0.6 to −0.4 as the room grows: 0.1 everywhere, their mean, is the best.

    The fitted line with a slope of 0 in place of its own would say 0.6.
    """
    room = np.linspace(0.0, 1.0, 101)
    line = Line.fit_raised(room, 0.6 - room, np.ones(101))
    assert (line.level, line.slope) == pytest.approx((0.1, 0.0), abs=1e-3)
    rising = Line.fit_raised(room, 0.2 + 0.3 * room, np.ones(101))
    assert (rising.level, rising.slope) == pytest.approx((0.2, 0.3), abs=5e-3)


def test_where_the_room_hardly_varies_a_line_is_flat():
    """Noise of 0.1 over a room that varies by 0.001 would make slopes of some 10."""
    rng = np.random.default_rng(4)
    room = 2.0 + 1e-3 * rng.standard_normal(100)
    line = Line.fit(room, 0.1 * rng.standard_normal(100), np.ones(100))
    assert abs(line.slope) < 0.1
    assert line.at(np.array([2.0])) == pytest.approx(0.0, abs=0.03)
