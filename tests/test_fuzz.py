"""A few hundred random networks of those that scripts/fuzz.py tries by the thousand."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_networks import cases, check, truth


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(cases())
def test_random_networks(case):
    check(case)


@pytest.mark.parametrize(
    ("distance", "value"),
    [(4.0, 0.63272), (math.sqrt(8), 0.50007), (2.0, 0.33683), (1.0, 0.11142), (1e9, math.log(2))],
)
def test_the_truths_that_random_networks_are_held_against(distance, value):
    two = np.array([[0.0, 0.0], [0.6, 0.8]]) * distance
    assert truth(two, np.arange(2)) == pytest.approx((value, value), abs=2e-5)
    low, high = truth(np.concatenate([two, [[1e12, 0.0]]]), np.arange(3))
    exact = (2 * value + math.log(3) + math.log(9 / 4)) / 3
    assert low <= exact + 1e-4
    assert exact <= high + 1e-4
