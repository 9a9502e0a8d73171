"""Layers of many units against information that is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.information import estimate_layers, mutual_information
from ib_runner.information.estimate import Status
from ib_runner.networks import GaussianNoise

CHANNEL = nn.Sequential(GaussianNoise(1.0))


def clumped(n: int, clump: int, seed: int, units: int = 20) -> torch.Tensor:
    """``n`` inputs far apart in noise of 1, the first ``clump`` of them all but equal."""
    x = 100 * torch.randn(n, units, generator=torch.Generator().manual_seed(seed))
    x[:clump] = x[0] + 1e-4 * x[:clump] / 100
    return x[torch.randperm(n, generator=torch.Generator().manual_seed(seed + 1))]


def truth(n: int, clump: int) -> float:
    """Members of the clump are told from the others, and not from each other."""
    return math.log(n) - clump / n * math.log(clump)


@pytest.mark.parametrize(("n", "clump", "runs"), [(12, 2, 60), (100, 2, 40), (700, 4, 10)])
@pytest.mark.slow
def test_both_ends_hold_where_a_few_inputs_are_confused(n, clump, runs):
    above = below = 0
    for seed in range(runs):
        found = mutual_information(CHANNEL, clumped(n, clump, seed), layer=1, seed=seed)
        above += found.lower > truth(n, clump)
        below += found.upper < truth(n, clump)
        assert found.lower > truth(n, clump) - 0.05
        assert found.upper < truth(n, clump) + 0.05
        assert found.status in (Status.SATURATED, Status.OK)
        assert (found.status is Status.SATURATED) == (found.lower >= math.log(n) - 0.01)
    # 2.5 % may be above; of 60 runs more than 5 are with a probability of 0.4 %
    assert above <= 1 + 0.07 * runs
    assert below <= 1 + 0.07 * runs


def test_inputs_that_the_budget_leaves_out_are_allowed_for():
    """A clump of 15 among 3000 inputs, 200 of which are looked at: most runs see one or none."""
    n, clump, above = 3000, 15, 0
    for seed in range(20):
        x = clumped(n, clump, seed)
        found = mutual_information(CHANNEL, x, layer=1, seed=seed, budget=264 * 2 * n)
        above += found.lower > truth(n, clump)
        assert found.lower > truth(n, clump) - 0.2
    assert above <= 2


def test_what_the_labels_of_inputs_far_apart_have():
    x = clumped(60, 1, 0)
    y = torch.arange(60) % 3
    of_x, of_y = estimate_layers(CHANNEL, x, y=y)
    assert (of_x.target, of_y.target) == ("x", "y")
    assert of_x.status is of_y.status is Status.SATURATED
    assert of_y.upper == pytest.approx(math.log(3))
    assert of_y.lower > math.log(3) - 0.01


def test_labels_that_the_layer_cannot_tell():
    x = clumped(200, 200, 0)
    y = torch.arange(200) % 2
    of_x, of_y = estimate_layers(CHANNEL, x, y=y)
    assert of_x.lower == pytest.approx(0, abs=0.02)
    assert of_y.lower < 0.02
    assert of_x.status is of_y.status is Status.OK
    assert of_x.upper < 0.02
    assert of_y.upper < 0.02


def test_equal_inputs_are_one():
    x = clumped(50, 1, 3).repeat(2, 1)
    found = mutual_information(CHANNEL, x, layer=1)
    assert found.status is Status.SATURATED
    assert found.upper == pytest.approx(math.log(50))


def test_a_width_that_is_reached_without_saturation_is_ok():
    found = mutual_information(CHANNEL, clumped(400, 4, 1), layer=1, target_width=0.1)
    assert found.status is Status.OK
    assert found.lower <= found.mi <= found.upper


def test_a_budget_for_no_point_gives_the_interval_that_says_nothing():
    found = mutual_information(CHANNEL, clumped(30, 1, 0), layer=1, budget=1000)
    assert (found.lower, found.upper) == (0.0, pytest.approx(math.log(30)))
    assert found.status is Status.NOT_CERTIFIED


def test_far_from_the_origin_in_float64():
    x = clumped(100, 2, 0).double()
    near, far = (mutual_information(CHANNEL, x + shift, layer=1) for shift in (0.0, 1e9))
    assert far.lower == pytest.approx(near.lower, abs=1e-3)
    assert np.isfinite(far.lower)
