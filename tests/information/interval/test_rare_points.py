"""Ends of intervals: what rare points may do, and what one target says of the other."""

import numpy as np
import pytest

from ib_runner.information.interval.bounds import (
    MISS,
    SHARED,
    Bound,
    Interval,
    ends,
    interval,
    of_both,
    unseen_above,
    unseen_below,
)

N, M = 256, 64


def bound(terms):
    return Bound(terms, terms)


def rare(probability, usual, seldom, runs, rng):
    """Intervals of a mean of ``usual`` terms and, with ``probability``, ``seldom`` ones."""
    for _ in range(runs):
        terms = np.where(rng.random((N, M)) < probability, seldom, usual)
        yield interval(bound(terms), np.log(N), np.log(N))


@pytest.mark.parametrize("count", [0.5, 1.0, 2.0, 3.5, 8.0, 30.0])
@pytest.mark.parametrize(("usual", "seldom"), [(np.log(N), 0.0), (0.0, np.log(N))])
def test_what_is_seldom_seen_is_within_both_ends(count, usual, seldom):
    """Points that lose all, or have all, so many of them on average among all that are drawn."""
    probability, runs = count / (N * M), 400
    truth = usual + probability * (seldom - usual)
    found = list(rare(probability, usual, seldom, runs, np.random.default_rng(int(2 * count))))
    below = sum(one.upper < truth for one in found)
    above = sum(one.lower > truth for one in found)
    # 2.5 % may be; more than 5 % are with a probability of less than 1e-3
    assert max(below, above) <= 0.05 * runs


def test_allowances_are_what_a_share_of_3_7_of_m_may_take():
    assert unseen_above(2.0, 5.0, 1000) == pytest.approx(3.69 * 3.0 / 1000, rel=1e-3)
    assert unseen_above(6.0, 5.0, 1000) == 0.0
    assert unseen_below(8.0, 1000) == pytest.approx(3.69 * 9.0 / 1000, rel=1e-3)
    assert unseen_below(0.0, 1000) == pytest.approx(3.69 * 3.0 / 1000, rel=1e-3)
    assert unseen_below(8.0, 1000, miss=0.001) == pytest.approx(6.91 * 9.0 / 1000, rel=1e-3)


def test_neither_target_contradicts_the_other():
    asked = []

    def make(target, miss):
        asked.append((target, round(miss, 6)))
        wide = 0.01 if miss == SHARED else 0.0
        if target == "x":
            return Interval(0.15, 0.01, 0.1 - wide, 0.3 + wide)
        return Interval(0.35, 0.01, 0.25 - wide, 0.6 + wide)

    found = of_both(make, ("x", "y"))
    assert (found["x"].lower, found["x"].upper) == (0.24, 0.3)
    assert (found["y"].lower, found["y"].upper) == (0.25, 0.31)
    assert found["x"].lower <= found["x"].mi <= found["x"].upper
    assert found["y"].lower <= found["y"].mi <= found["y"].upper
    # each end is wrong with 2.5 % in all
    assert set(asked) == {(t, round(m, 6)) for t in "xy" for m in (MISS - SHARED, SHARED)}
    assert of_both(make, ("x",))["x"].lower == 0.1
    assert asked[-1] == ("x", MISS)


def test_ends_that_contradict_each_other_are_no_interval_of_width_0():
    assert ends(0.5, 0.3, 2.0) == (0.3, 0.5)
    assert ends(-0.5, 2.3, 2.0) == (0.0, 2.0)

    def make(target, miss):
        return Interval(0.3, 0.01, 0.25, 0.35) if target == "y" else Interval(0.1, 0.01, 0.0, 0.2)

    found = of_both(make, ("x", "y"))
    assert (found["x"].lower, found["x"].upper) == (0.0, 0.2)
    assert (found["y"].lower, found["y"].upper) == (0.25, 0.35)
