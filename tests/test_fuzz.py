"""A few hundred random networks of those that scripts/fuzz.py tries by the thousand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from random_networks import cases, check
from random_truths import truth, truth_behind
from torch import nn

from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise


def tried(n: int):
    """The first ``n`` of the random networks, the same ones every time."""
    return settings(
        max_examples=n,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@tried(10)
@given(cases())
def test_a_few_random_networks(case):
    check(case)


@pytest.mark.long
@tried(200)
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


def scaled(weight):
    linear = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        linear.weight.fill_(weight)
    return nn.Sequential(linear)


@pytest.mark.parametrize(("weight", "below", "beta"), [(1, 1, 1), (3, 1, 0.1), (0.1, 0.3, 0.2)])
def test_the_truths_behind_a_linear_layer(weight, below, beta):
    signs = torch.tensor([[-1.0], [1.0]])
    exact, _ = truth(signs.double().numpy() * weight / math.hypot(weight * below, beta), [0, 1])
    low, high = truth_behind(signs, GaussianNoise(below), scaled(weight), beta)
    assert low <= exact <= high < low + 0.01


def test_the_truths_behind_two_units():
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    same = nn.Sequential(nn.Identity())
    for channel, beta, exact in (
        (GaussianNoise(0.5), 0.5, 2 * 0.50007),
        (NoNoise(), 1.0, 2 * 0.33683),
        (DropoutNoise(0.0), 0.5, 2 * 0.63272),
        (DropoutNoise(0.5), 0.1, 2 * math.log(2) / 2),
    ):
        low, high = truth_behind(corners, channel, same, beta)
        assert low <= exact + 1e-5
        assert exact - 1e-5 <= high < low + 0.01
    assert truth_behind(corners, GaussianNoise(1e6), same, 0.5) is None
