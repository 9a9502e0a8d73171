"""Layers of one unit behind one another: steep ones, and those that would take too long."""

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.information import Status, estimate_layers
from ib_runner.information.estimate_layers import estimate_what_can_be
from ib_runner.information.exact.one_unit_layers import line
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import GaussianNoise

X = torch.linspace(-2, 2, 12)[:, None]


def two_neurons(betas, slope):
    network = nn.Sequential(
        *[nn.Linear(1, 1), nn.Tanh(), GaussianNoise(betas[0])],
        *[nn.Linear(1, 1), nn.Tanh(), GaussianNoise(betas[1])],
    )
    with torch.no_grad():
        for layer, (weight, bias) in ((0, (1.0, 0.1)), (3, (slope, -0.05))):
            network[layer].weight.fill_(weight)
            network[layer].bias.fill_(bias)
    return network.eval()


def test_a_steep_layer_has_the_value_of_all_its_nodes():
    """Without thinning, and but for the first layer's roundings, the values are these; it takes
    40 s and 0.5 GB."""
    found = estimate_layers(
        two_neurons((0.3, 0.05), 5.0), X, y=torch.arange(12) % 2, method="quadrature"
    )
    values = [0.8560949406675443, 0.005651202295560598, 0.7225146264336664, 0.00434629645371909]
    assert [e.mi for e in found] == pytest.approx(values, abs=1e-8)
    assert all(e.upper - e.lower < 1e-11 for e in found if e.layer == 1)
    # what float32 may do to the network's own layer 2
    assert all(e.upper - e.lower < 1e-3 for e in found)


def test_the_density_of_a_steep_layer_integrates_to_one():
    sampler = Sampler(two_neurons((0.3, 0.01), 5.0), X, seed=0)
    found = line(sampler, sampler.layers[1])
    t = np.arange(-1.1, 1.1, 0.005)
    assert 0.005 * found.density(t).sum() == pytest.approx(1.0, abs=1e-4)


def test_a_layer_that_would_take_too_long_fails_and_the_others_do_not():
    found, errors = estimate_what_can_be(two_neurons((0.5, 1e-4), 30.0), X, method="quadrature")
    assert [e.status for e in found] == [Status.OK, Status.FAILED]
    assert "method coupled or more noise is needed" in str(errors[2])
