"""The guess at p(t|x): Gaussians of linear networks are known in closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ib_runner.information.exact.linear_network import gaussian_layer
from ib_runner.information.paths.guess import draws_of_an_input, fit
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import FCN, GaussianNoise


def linear(widths=(3, 5), betas=(0.7, 0.3), n=40):
    torch.manual_seed(0)
    levels = iter(betas)
    network = FCN(4, 2, widths, "identity", lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 2.0
    return network, torch.randn(n, 4, generator=torch.Generator().manual_seed(1))


def guessed(network, x, seed=0):
    sampler = Sampler(network, x, seed)
    layer = sampler.layers[-1]
    return fit(sampler, layer), layer


def test_means_and_covariances_are_those_of_the_layer():
    network, x = linear()
    guess, layer = guessed(network, x)
    mean, covariance = gaussian_layer(network, x, layer.number)
    assert guess.units.tolist() == list(range(5))
    assert np.abs(guess.means - mean.numpy()).max() < 0.3  # 2048 draws of deviations up to 2
    for whitening in guess.whitening[:4].astype(np.float64):
        found = np.linalg.inv(whitening.T @ whitening)
        assert found == pytest.approx(covariance.numpy(), rel=0.2, abs=0.25)


def test_differences_of_log_densities_are_those_of_the_gaussians():
    """ln g is known but for a constant: ln g(x, t) − ln g(x', t) at points of the layer."""
    network, x = linear()
    guess, layer = guessed(network, x)
    mean, covariance = gaussian_layer(network, x, layer.number)
    exact = torch.distributions.MultivariateNormal(mean, covariance)
    torch.manual_seed(2)
    t = exact.sample()[:10]
    truth = exact.log_prob(t[:, None]).numpy()
    found = guess.log_densities(t.numpy())
    near = truth > truth.max(1, keepdims=True) - 8.0
    rows, columns = np.nonzero(near)
    own = np.arange(len(t))[rows]
    difference = (found[rows, columns] - found[own, own]) - (truth[rows, columns] - truth[own, own])
    assert np.abs(difference).max() < 1.0
    assert np.abs(difference).mean() < 0.2


def test_sharpness_multiplies_and_simpler_guesses_share_their_variances():
    network, x = linear()
    guess, _ = guessed(network, x)
    t = guess.means[:3]
    assert replace(guess, sharpness=0.25).log_densities(t) == pytest.approx(
        0.25 * guess.log_densities(t)
    )
    by_unit, one = guess.simpler()
    assert np.ptp(by_unit.variances, axis=0).max() == 0.0 < np.ptp(by_unit.variances)
    assert np.ptp(one.variances) == 0.0
    assert one.whitening is None


def test_noise_below_the_variances_is_in_them():
    """Where nothing varies below a layer, its variances are those of its own noise."""
    network, x = linear(betas=(1e-12, 0.3))
    guess, layer = guessed(network, x)
    assert guess.variances == pytest.approx(layer.beta**2, rel=1e-2)


def test_the_same_seed_guesses_the_same():
    network, x = linear()
    one, again, other = (guessed(network, x, seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(one.means, again.means)
    assert np.array_equal(one.whitening, again.whitening)
    assert not np.array_equal(one.means, other.means)


def test_a_layer_behind_very_many_units_has_fewer_draws_of_each_input():
    def draws(below, n):
        net = FCN(2, 2, (below, 3), "tanh", lambda: GaussianNoise(0.1)).eval()
        sampler = Sampler(net, torch.zeros(n, 2), 0)
        return draws_of_an_input(sampler, sampler.layers[1])

    assert draws(4, 10_000) == 256
    assert draws(10_000, 10_000) == 2**33 // 10**8
    assert draws(40_000, 10_000) == 32
