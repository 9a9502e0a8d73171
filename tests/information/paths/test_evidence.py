"""The evidence of Gaussian pre-activations, held against closed forms and against quadrature."""

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import logsumexp

from ib_runner.information.exact.linear_network import gaussian_layer
from ib_runner.information.paths.evidence import _FAR, has_evidence
from ib_runner.information.paths.guess import fit
from ib_runner.information.paths.pre_activations import pre_activations
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import FCN, GaussianNoise


def network(activation, widths, betas, scale=2.0, n=48):
    torch.manual_seed(0)
    levels = iter(betas)
    found = FCN(4, 2, widths, activation, lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter *= scale
    sampler = Sampler(found, torch.randn(n, 4, generator=torch.Generator().manual_seed(1)), 0)
    return found, sampler, sampler.layers[-1]


def points_of(sampler, layer, n=24):
    """A point of each of the first ``n`` inputs, made by the network: [n, d]."""
    units = pre_activations(sampler, layer)
    rng = np.random.default_rng(2)
    zeta = torch.from_numpy(rng.standard_normal((n, units.n_noise)))
    s = units.activation(units.of(torch.arange(n), zeta)).numpy()
    return s + layer.beta * rng.standard_normal(s.shape)


def differences(log_densities, truth, within=12.0):
    """Errors of ln p(t|x) relative to the likeliest input, for all that are nearly as likely."""
    own = truth.argmax(1)[:, None]
    errors = log_densities - np.take_along_axis(log_densities, own, 1)
    errors -= truth - np.take_along_axis(truth, own, 1)
    return errors[truth > truth.max(1, keepdims=True) - within]


@pytest.mark.parametrize("widths", [(3, 5), (3, 4, 5)])
def test_linear_networks_have_the_evidence_of_their_gaussians(widths):
    """Exactly in layer 2, whose covariance needs no draws; in layer 3 with the draws' error."""
    net, sampler, layer = network("identity", widths, (0.7, 0.5, 0.3)[: len(widths)])
    guess, t = fit(sampler, layer), points_of(sampler, layer)
    mean, covariance = gaussian_layer(net, sampler.x, layer.number)
    exact = torch.distributions.MultivariateNormal(mean, covariance)
    truth = exact.log_prob(torch.from_numpy(t)[:, None]).numpy()
    errors = differences(guess.best_log_densities(t), truth)
    if layer.number == 2:
        assert np.abs(errors).max() < 0.02
    assert np.abs(errors).mean() < 0.8 * np.abs(differences(guess.log_densities(t), truth)).mean()
    assert np.abs(errors).max() < 0.8


@pytest.mark.parametrize("activation", ["tanh", "relu", "leaky_relu"])
def test_two_units_of_a_bent_layer_against_quadrature(activation):
    """u of layer 2 is Gaussian, so that p(t|x) is an integral over two numbers."""
    _, sampler, layer = network(activation, (3, 2), (0.5, 0.2))
    guess, t = fit(sampler, layer), points_of(sampler, layer)
    units = pre_activations(sampler, layer)
    m = units.of(torch.arange(len(sampler)), torch.zeros(len(sampler), units.n_noise)).numpy()
    root = np.linalg.cholesky(guess.evidence.gaussians.covariances[0].astype(float))
    nodes, weights = hermegauss(180)
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    log_weights = np.log(np.outer(weights, weights).reshape(-1) + 1e-300)
    truth = np.empty((len(t), len(m)))
    for x, mean in enumerate(m):
        s = units.activation(torch.from_numpy(mean + grid @ root.T)).numpy()
        squares = np.square((t[:, None] - s) / layer.beta).sum(2)
        truth[:, x] = logsumexp(log_weights - 0.5 * squares, axis=1)
    errors = differences(guess.best_log_densities(t), truth, within=6.0)
    assert np.abs(errors).mean() < 0.08
    assert (
        np.abs(errors).mean()
        < 0.5 * np.abs(differences(guess.log_densities(t), truth, within=6.0)).mean()
    )


def test_moments_of_the_third_layer_are_those_of_its_pre_activations():
    _, sampler, layer = network("tanh", (4, 5, 3), (0.4, 0.3, 0.2), n=16)
    found, units = fit(sampler, layer).evidence.gaussians, pre_activations(sampler, layer)
    rng = np.random.default_rng(3)
    for x in range(4):
        zeta = torch.from_numpy(rng.standard_normal((20_000, units.n_noise)))
        u = units.of(torch.full((20_000,), x), zeta).numpy()
        spread = u.std(0)
        assert (np.abs(found.means[x] - u.mean(0)) < 0.12 * spread).all()
        scale = spread[:, None] * spread
        assert np.abs((found.covariances[x] - np.cov(u.T)) / scale).max() < 0.15


def test_only_the_likeliest_inputs_are_guessed_anew_and_have_as_much_together():
    _, sampler, layer = network("tanh", (4, 4), (0.05, 0.05), scale=4.0, n=96)
    guess, t = fit(sampler, layer), points_of(sampler, layer)
    before, after = guess.log_densities(t), guess.best_log_densities(t)
    near = before > before.max(1, keepdims=True) - _FAR
    assert near.any(axis=1).all()
    assert not near.all()
    assert np.array_equal(before[~near], after[~near])
    assert not np.array_equal(before, after)
    for old, new, some in zip(before, after, near, strict=True):
        assert logsumexp(new[some]) == pytest.approx(logsumexp(old[some]), abs=1e-6)


def test_where_the_evidence_is_no_number_the_guess_stays():
    _, sampler, layer = network("relu", (4, 4), (0.3, 0.2))
    guess, t = fit(sampler, layer), points_of(sampler, layer)
    t[0] = 1e25
    before, after = guess.log_densities(t), guess.best_log_densities(t)
    assert np.array_equal(before[0], after[0])
    assert np.isfinite(after[1:]).all()


def test_layers_with_very_many_units_have_none():
    _, sampler, layer = network("tanh", (4, 700), (0.3, 0.2), n=4)
    assert not has_evidence(sampler, layer)
    assert fit(sampler, layer).evidence is None
