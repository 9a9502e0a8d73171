"""What an interval will take is said before, by the pilot that its sizes are chosen with."""

import math

import pytest
import torch

from ib_runner.information import estimate_layers, forecasts
from ib_runner.networks import FCN, GaussianNoise


def network(activation, widths, beta):
    torch.manual_seed(0)
    return FCN(4, 2, widths, activation, lambda: GaussianNoise(beta)).eval(), torch.randn(64, 4)


@pytest.mark.parametrize("activation", ["tanh", "identity"])
@pytest.mark.slow
def test_widths_are_about_what_comes_out(activation):
    net, x = network(activation, (20, 3, 18), 0.3)
    expected = {one.layer: one for one in forecasts(net, x, target_width=0.2)}
    found = {one.layer: one for one in estimate_layers(net, x, target_width=0.2)}
    assert expected.keys() == found.keys() == {1, 2, 3}
    for layer, one in expected.items():
        width = found[layer].upper - found[layer].lower
        assert width <= 1.5 * one.width + 0.01
        assert one.width <= 0.2
        assert 0 < one.evaluations < 1e9
    assert expected[1].densities == "exact"
    assert expected[3].densities == ("exact" if activation == "identity" else "paths")


def test_a_budget_for_nothing_is_said():
    net, x = network("tanh", (20, 3), 0.3)
    for one in forecasts(net, x, budget=100):
        assert one.densities == "none"
        assert one.width == pytest.approx(math.log(64))


@pytest.mark.parametrize("log2_budget", [19, 22, 26])
def test_a_pilot_that_could_spend_all_leaves_the_most_of_it(log2_budget):
    """A guess without paths is payable at each, while paths for 40 points cost as much."""
    net, x = network("tanh", (40, 36), 0.3)
    (one,) = forecasts(net, x, layers=[2], budget=2.0**log2_budget)
    assert one.width < 0.6 * math.log(64)
    assert one.evaluations < 2.0**log2_budget
