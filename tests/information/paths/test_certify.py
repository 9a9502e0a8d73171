"""Intervals of layers of any width against closed forms."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.information import Status, estimate_layers, mutual_information
from ib_runner.information.exact.linear_network import (
    gaussian_layer,
    points_in_unit_noise,
    whitened,
)
from ib_runner.information.paths.terms import Reach, _chosen
from ib_runner.networks import FCN, DropoutNoise, GaussianNoise


@pytest.mark.slow
def test_dead_units_cost_and_loosen_nothing():
    """12 independent bits ±1 in noise of 1, 0.33683 nats each, and 8 units with zero weights."""
    network = FCN(12, 2, (20,), "identity", lambda: GaussianNoise(1.0)).eval()
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(20, 12))
        network[0].bias.fill_(3.0)
    x = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=12)))
    found = mutual_information(network, x, 1)
    assert found.lower <= 4.0420 <= found.upper
    assert found.upper - found.lower <= 0.05
    assert found.status is Status.OK


def linear(widths, betas, seed):
    torch.manual_seed(seed)
    levels = iter(betas)
    network = FCN(4, 2, widths, "identity", lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3.0
    return network, torch.randn(48, 4)


@pytest.mark.parametrize("widths", [(30, 40), (3, 20, 24)])
def test_wide_linear_layers_with_a_noise_of_their_own_in_every_layer(widths):
    network, x = linear(widths, (1.0, 0.1, 0.4), 0)
    for layer in range(1, len(widths) + 1):
        truth = points_in_unit_noise(whitened(*gaussian_layer(network, x, layer)), 256, seed=0)
        found = mutual_information(network, x, layer)
        assert found.status in (Status.OK, Status.SATURATED)
        assert found.lower <= truth.value + 3 * truth.stderr
        assert found.upper >= truth.value - 3 * truth.stderr


class Wrapped(nn.Module):
    """No plain chain, so that a linear network goes the way of any module."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) + 0.0


@pytest.mark.slow
def test_paths_of_any_module_against_the_exact_information():
    network, x = linear((6, 18), (0.8, 0.2), 1)
    y = (x[:, 0] > 0).long()
    truth = points_in_unit_noise(whitened(*gaussian_layer(network, x, 2)), 256, seed=0)
    of_x, of_y = estimate_layers(Wrapped(network), x, y=y, layers=[2], target_width=0.2)
    assert of_x.lower <= truth.value <= of_x.upper
    assert of_x.upper - of_x.lower < 0.25
    assert of_x.n_x > 1
    assert of_y.lower <= of_y.mi <= of_y.upper < np.log(2)


def test_noise_below_that_is_no_density_leaves_the_lower_bound():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(4, 20), DropoutNoise(0.5), nn.Linear(20, 20), GaussianNoise(3.0)
    )
    found = mutual_information(network, torch.randn(20, 4), 2)
    assert found.status is Status.NOT_CERTIFIED
    assert found.upper == pytest.approx(np.log(20))


def test_inputs_are_chosen_as_often_as_is_said():
    """Counts over their expectation have the mean 1 for every input with a chance."""
    log_g = np.tile(-0.7 * np.arange(12.0), (20_000, 1))
    counts, chances = _chosen(log_g, Reach(2, 3, 8, 4, temper=0.5), np.random.default_rng(0))
    assert np.all(counts[:, :2] == 1)
    assert np.all(chances[:, :2] == 1)
    assert counts[:, 2:].sum(1) == pytest.approx(3)
    ratio = counts / chances
    error = ratio.std(0) / np.sqrt(len(ratio))
    assert np.all(abs(ratio.mean(0) - 1) <= 4 * error + 1e-12)
