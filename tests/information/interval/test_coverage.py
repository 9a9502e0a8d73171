"""Certified intervals of linear networks against their exact information, many at a time.

``scripts/coverage.py`` does the same for hundreds of networks.
"""

import math

import pytest
from scipy import stats
from truths import linear_truth

from ib_runner.information import Status, mutual_information

WIDTHS = ((2, 1), (5, 4, 3), (6, 5, 4, 2))
CASES = [
    (widths, n, beta, 10 * k + i)
    for k, widths in enumerate(WIDTHS)
    for i, (n, beta) in enumerate([(4, 1.0), (6, 0.3), (32, 0.3), (96, 0.05)])
]


@pytest.fixture(scope="module")
def cases():
    found = []
    for widths, n, beta, seed in CASES:
        truth = linear_truth(widths, n, beta, seed)
        estimate = mutual_information(
            truth.network, truth.x, truth.layer, target_width=0.1, seed=seed
        )
        found.append((truth, estimate))
    return found


def test_coverage_is_no_less_than_stated(cases):
    held = sum(
        found.lower - truth.tolerance <= truth.value <= found.upper + truth.tolerance
        for truth, found in cases
    )
    # fewer than so many of intervals at 95 % happen once in a thousand times
    assert held >= stats.binom.ppf(1e-3, len(cases), 0.95)


def test_intervals_are_as_narrow_as_asked_for_and_lie_about_the_truth(cases):
    reached = [found.status in (Status.OK, Status.SATURATED) for _, found in cases]
    assert sum(reached) >= len(cases) - 1
    errors = [abs(found.mi - truth.value) - truth.tolerance for truth, found in cases]
    assert max(errors) < 0.05
    assert sum(errors) / len(errors) < 0.01


def test_cases_are_neither_all_nor_nothing(cases):
    inside = [0.1 < truth.value < math.log(len(truth.x)) - 0.1 for truth, _ in cases]
    assert sum(inside) >= len(cases) // 3
