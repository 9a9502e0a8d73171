"""The pilot of a layer's paths: its cost, what it finds, and that its points are its own."""

import numpy as np
import pytest
import torch

from ib_runner.information.exact.linear_network import (
    gaussian_layer,
    points_in_unit_noise,
    whitened,
)
from ib_runner.information.paths.choice import Choice
from ib_runner.information.paths.guess import fit
from ib_runner.information.paths.pilot import (
    PATHS,
    PILOT_SHARE,
    Pilot,
    Wanted,
    point_cost,
    run_pilots,
    some_inputs,
)
from ib_runner.information.paths.pre_activations import pre_activations
from ib_runner.information.paths.sources import GuessedSource
from ib_runner.information.paths.terms import Reach
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.information.sampling.streams import Stream
from ib_runner.networks import FCN, GaussianNoise


def network(activation="tanh"):
    torch.manual_seed(0)
    levels = iter((0.4, 0.2))
    found = FCN(4, 2, (4, 4), activation, lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter *= 2.0
    return found, torch.randn(64, 4)


def piloted(budget=3e7, activation="tanh", seed=0):
    net, x = network(activation)
    sampler = Sampler(net, x, seed)
    layer = sampler.layers[1]
    units = pre_activations(sampler, layer)
    source = GuessedSource(sampler, layer, fit(sampler, layer), units)
    inputs = some_inputs(sampler, 64, Stream.PATHS_PILOT_INPUTS)
    wanted = Wanted(np.log(64), 0.05, budget)
    return run_pilots(sampler, source, units, inputs, 16, wanted), source


def test_numbers_of_paths_that_are_asked_for_are_the_only_ones():
    assert Wanted(1.0, 0.1, 1e6).paths == PATHS
    assert Wanted(1.0, 0.1, 1e6, n_paths=40, n_others=9).paths == ((40, 9),)
    assert Wanted(1.0, 0.1, 1e6, n_paths=40).paths == ((40, 10),)
    assert Wanted(1.0, 0.1, 1e6, n_others=9).paths == ((36, 9),)
    assert Wanted(1.0, 0.1, 1e6, n_paths=3).paths == ((3, 2),)


def test_more_paths_take_the_part_of_the_gap_that_is_theirs():
    reach = Reach(32, 8, 16, 4)
    choice = Choice.of(np.arange(9.0), 9, 0.0)
    found = Pilot(
        0.1, 1.0, choice, reach=reach, gap=0.3, gap_error=0.01, per_own=0.8, per_other=0.4
    )
    assert found.gap_at(reach) == pytest.approx(0.31)
    assert found.gap_at(Reach(32, 8, 32, 4)) == pytest.approx(0.31 - 0.8 / 32)
    assert found.gap_at(Reach(32, 8, 16, 8)) == pytest.approx(0.31 - 0.4 / 8)
    assert found.gap_at(Reach(32, 8, 10**9, 10**9)) == pytest.approx(0.31 - 0.8 / 16 - 0.4 / 4)


def test_some_inputs_are_different_sorted_and_those_of_the_seed():
    samplers = [Sampler(*network(), seed) for seed in (0, 0, 1)]
    one, again, other = (some_inputs(each, 20, Stream.PATHS_PILOT_INPUTS) for each in samplers)
    assert one.tolist() == sorted(set(one.tolist())) == again.tolist() != other.tolist()
    assert len(one) == 20


@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_what_it_finds_is_about_the_truth(activation):
    (pilots, _), _ = piloted(activation=activation)
    assert len(pilots) > 1
    net, x = network(activation)
    if activation == "identity":
        truth = points_in_unit_noise(whitened(*gaussian_layer(net, x, 2)), 512, seed=0).value
    else:
        truth = np.log(64)  # from above; b is below the information
    for one in pilots:
        assert 0.0 < one.lower < truth + 3 * one.spread / np.sqrt(64 * 16)
        assert 0.0 < one.spread < 2.0
        assert 0.0 <= one.gap < 1.0
        assert 1.0 <= one.pairs <= one.reach.enumerated + one.reach.sampled + 1e-9


@pytest.mark.parametrize("budget", [3e6, 1e7, 1e8])
def test_its_paths_cost_no_more_than_its_share(budget):
    (pilots, cost), source = piloted(budget)
    assert cost <= (2 + 1) * PILOT_SHARE * budget
    for one in pilots[1:]:
        assert point_cost(source.units, one.pairs, one.reach) <= budget


def test_without_a_budget_for_paths_b_alone_is_looked_at():
    (pilots, cost), _ = piloted(1e4)
    assert len(pilots) == 1
    assert cost == 0.0
    assert pilots[0].pairs == 0.0


def test_the_same_seed_finds_the_same_and_its_points_are_nobody_elses():
    (one, _), source = piloted()
    (again, _), _ = piloted()
    (other, _), _ = piloted(seed=1)
    assert one == again
    assert one[0].lower != other[0].lower
    inputs = np.arange(64).repeat(16)
    pilot, interval = (
        source.terms(inputs, name, None)["x"] for name in (Stream.PATHS_PILOT, Stream.PATHS_BASE)
    )
    assert not np.isin(pilot, interval).any()
