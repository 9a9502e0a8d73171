"""The pilot: what it may cost, and what it finds where the truth is known."""

import math

import pytest
import torch
from torch import nn

from ib_runner.information.interval import pilot
from ib_runner.information.interval.clouds import fit_densities
from ib_runner.information.interval.sizes import DELTAS
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import FCN, GaussianNoise


class Module(nn.Module):
    """No plain chain: its draws are true forward passes, in groups of 16 inputs."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x) + 0.0


def sampler(n=100, module=False):
    torch.manual_seed(0)
    network = FCN(3, 2, [4, 3], "tanh", lambda: GaussianNoise(0.1)).eval()
    return Sampler(Module(network) if module else network, torch.randn(n, 3), seed=5)


@pytest.mark.parametrize("module", [False, True])
@pytest.mark.parametrize("n", [1, 7, 100, 1000])
def test_it_looks_at_whole_groups_of_different_inputs(n, module):
    planned = pilot.plan(sampler(n, module), 1e9)
    group = 16 if module else 1
    assert all(first % group == 0 for first, _ in planned.groups)
    assert all(last == min(first + group, n) for first, last in planned.groups)
    assert len(set(planned.groups)) == len(planned.groups)
    assert planned.n_inputs <= min(n, 192)
    assert planned.n_inputs == n or planned.n_inputs > 192 - group


@pytest.mark.parametrize("budget", [1e6, 3e6, 1e8, 1e9, 1e12])
def test_it_takes_no_more_than_a_quarter_of_the_budget(budget):
    planned = pilot.plan(sampler(), budget)
    assert planned is None or planned.most_evaluations(100) <= 0.25 * min(budget, 1e9)
    assert (planned is None) == (budget == 1e6)


def test_other_seeds_look_at_other_inputs_and_the_same_seed_at_the_same():
    one, again, other = (sampler(2000) for _ in range(3))
    other.seed = 6
    plans = [pilot.plan(each, 1e9).groups for each in (one, again, other)]
    assert plans[0] == plans[1] != plans[2]


def found_by(network, x):
    """The pilot of layer 1 of ``network`` at a target width of 0.05 nats."""
    drawn = Sampler(network, x, seed=0)
    layers, highest = drawn.layers[:1], math.log(len(x))
    densities = fit_densities(drawn, layers, {1: (1, 1)})
    planned = pilot.plan(drawn, 1e9)
    return pilot.run(drawn, layers, planned, densities, highest, 0.05)[1]


def test_inputs_far_apart_have_all_the_information_and_no_other_near_a_point():
    found = found_by(nn.Sequential(GaussianNoise(1.0)), 1000.0 * torch.arange(12.0)[:, None])
    assert found.upper == pytest.approx(math.log(12), abs=1e-4)
    assert found.posterior == pytest.approx(1, abs=1e-4)
    assert found.near <= 2  # for its own sum and for the total
    assert all(found.spread[delta] < 1e-3 for delta in DELTAS)
    assert found.gap(1, 1, 1, DELTAS[0], math.log(12)) < 0.001


def test_two_inputs_that_are_confused():
    found = found_by(nn.Sequential(GaussianNoise(1.0)), torch.tensor([[0.0], [4.0]]))
    # I = 0.63272 nats, by quadrature; thousands of points
    assert found.upper == pytest.approx(0.63272, abs=0.02)
    assert found.spread[DELTAS[0]] > 0.1
    assert found.loss[1e-2] > found.loss[1e-4]
