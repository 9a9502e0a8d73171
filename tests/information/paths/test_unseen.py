"""What changes that no chosen point shows may do to the ends: proposition 6, and its use."""

import numpy as np
import pytest

from ib_runner.information.paths.choice import EVEN, Choice, Line
from ib_runner.information.paths.unseen import sure_and_wrong, unseen_changes


def worst_excess(share, cells, rng):
    """E[1_{not B} ln ĝ + 1_B ln q] − E ln p at its worst, and E room: p(B) is ``share``.

    In ``cells`` of all t one input is in B; q is sure of it, and ĝ is the posterior of the others.
    """
    p = share / cells * rng.uniform(0.5, 1.0)
    q = rng.uniform(0.01, 1.0)
    excess = cells * (p * np.log(q / p) + (1 - p) * np.log(1.0 / (1 - p)))
    room = cells * (-(1 - p) * np.log1p(-min(q, 1 - 1e-12)) - p * np.log(q))
    return excess, room


def test_no_guess_that_is_sure_and_wrong_gains_more_than_the_proposition_says():
    rng = np.random.default_rng(0)
    for _ in range(5000):
        share = 10 ** rng.uniform(-4, -1)
        cells = 10 ** rng.uniform(np.log10(share), 0)
        excess, room = worst_excess(share, cells, rng)
        assert excess <= sure_and_wrong(share, min(room, 1.0)) * (1 + 1e-9)


def test_the_allowance_nearly_happens():
    """A guess that gives all to inputs of B at every t, whose probability is 0.01."""
    p = 0.01
    excess = p * np.log(1.0 / p) - (1 - p) * np.log(1 - p)
    assert excess == pytest.approx(sure_and_wrong(p, 1.0), rel=0.02)


def test_labels_are_allowed_no_less_than_inputs_and_more_points_need_less():
    choice = Choice(np.log(64), 0.3, 0.1)
    line = Line(0.1, 0.2)
    x, y = (unseen_changes(choice, line, 1000, target) for target in "xy")
    assert y[0] > x[0]
    assert y[1] > x[1]
    assert all(few > many for few, many in zip(x, unseen_changes(choice, line, 4000), strict=True))
    # upwards: 3.69 / 1000 · E room / (1 − e)
    assert x[0] == pytest.approx(3.69 / 1000 * 0.3 / (1.0 - EVEN), rel=1e-3)
