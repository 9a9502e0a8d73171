"""Terms of the bounds at points: what is drawn is allowed for, and b is a bound for any guess."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from ib_runner.information.exact.linear_network import (
    gaussian_layer,
    points_in_unit_noise,
    whitened,
)
from ib_runner.information.paths.guess import fit
from ib_runner.information.paths.pre_activations import pre_activations
from ib_runner.information.paths.terms import (
    Classes,
    Reach,
    _chosen,
    base_terms,
    path_terms,
    sharpened,
)
from ib_runner.information.paths.weights import points
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import FCN, GaussianNoise


def test_sums_over_a_label():
    rng = np.random.default_rng(0)
    log_g, numbers = rng.normal(size=(5, 6)), np.array([0, 1, 0, 2, 1, 0])
    owners = np.array([0, 1, 3, 5, 4])
    classes = Classes(numbers, np.array([3, 2, 3, 1, 2, 3]))
    expected = [
        logsumexp(row[numbers == numbers[own]]) for row, own in zip(log_g, owners, strict=True)
    ]
    assert classes.log_sums(log_g, owners) == pytest.approx(expected)


@pytest.mark.parametrize("temper", [0.6, 0.1])
def test_an_input_counts_once_on_average_however_it_is_drawn(temper):
    """E counts/chances = 1 for the inputs that are drawn: sums over them are unbiased."""
    log_g = np.random.default_rng(1).normal(scale=2.0, size=(3, 60))
    reach = Reach(8, 12, 1, 1, temper)
    rng, total, draws = np.random.default_rng(2), np.zeros(log_g.shape), 4000
    for _ in range(draws):
        counts, chances = _chosen(log_g, reach, rng)
        total += counts / chances
        assert (counts >= 0).all()
        assert (chances > 0).all()
    # systematic sampling: a count is one of two neighbours of its chance, c − c² ≤ 1/4 of spread
    error = 5 / np.sqrt(draws * np.minimum(chances, 1.0))
    assert (np.abs(total / draws - 1.0) < error + 1e-9).all()


def test_where_nearly_all_of_the_posterior_is_enumerated_nothing_else_is_drawn():
    log_g = np.full((2, 40), -50.0)
    log_g[:, :3] = 0.0
    counts, chances = _chosen(log_g, Reach(8, 12, 1, 1), np.random.default_rng(0))
    assert counts.sum(1).tolist() == [3, 3]
    assert (counts[:, :3] == 1).all()
    assert (chances == 1).all()


def linear(seed=0):
    torch.manual_seed(seed)
    levels = iter((0.6, 0.4))
    network = FCN(4, 2, (4, 4), "identity", lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3.0
    return network, torch.randn(32, 4)


@pytest.fixture(scope="module")
def layer_two():
    """I(X;T) of a linear network's second layer, and what its terms are made from."""
    network, x = linear()
    sampler = Sampler(network, x, 0)
    layer = sampler.layers[1]
    units, guess = pre_activations(sampler, layer), fit(sampler, layer)
    owners = np.arange(len(x)).repeat(64)
    at = points(units, owners, np.random.default_rng(3))
    truth = points_in_unit_noise(whitened(*gaussian_layer(network, x, 2)), 512, seed=0)
    return units, guess, owners, at, truth


@pytest.mark.parametrize("sharpness", [None, 0.05, 8.0])
def test_b_is_below_the_information_whatever_is_guessed(layer_two, sharpness):
    _, guess, owners, at, truth = layer_two
    if sharpness is None:
        guess = sharpened(guess, at.t.numpy(), owners)
    else:
        guess = replace(guess, sharpness=sharpness)
    b = base_terms(guess, at.t.numpy(), owners, None)["x"]
    error = 3 * b.std() / np.sqrt(len(b)) + 3 * truth.stderr
    assert b.mean() <= truth.value + error
    if sharpness is None:  # Gaussians are what it guesses: little is lost
        assert b.mean() >= truth.value - 0.1 - error


def test_paths_hold_the_information_between_their_terms(layer_two):
    units, guess, owners, at, truth = layer_two
    some = np.arange(0, len(owners), 4)
    classes = Classes(np.arange(32) % 2, np.full(32, 16))
    found = path_terms(
        units, guess, at[some], Reach(32, 0, 16, 4), classes, np.random.default_rng(4)
    )
    upper, lower = found.upper["x"], found.lower["x"]
    b = base_terms(guess, at.t.numpy()[some], owners[some], None)["x"]
    everywhere = base_terms(guess, at.t.numpy(), owners, None)["x"]
    # E upper = E b + E (upper − b), as the interval has it
    for change, holds in ((upper - b, 1.0), (lower - b, -1.0)):
        end = everywhere.mean() + change.mean()
        error = 3 * np.hypot(change.std() / np.sqrt(len(b)), everywhere.std() / len(owners) ** 0.5)
        assert holds * (end - truth.value) >= -error - 3 * truth.stderr
        assert abs(end - truth.value) < 0.1 + error
    # weights of paths hardly vary in linear networks: from above and from below are nearly one
    assert 0.0 <= found.of_own.mean() < 5e-3
    assert 0.0 <= found.of_others.mean() < 5e-3
    apart = found.upper["y"] - found.lower["y"]
    assert apart.mean() >= -3 * apart.std() / np.sqrt(len(apart))
    assert (found.pairs >= 1).all()
