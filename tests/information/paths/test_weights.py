"""ln p(t|x) from below and above against closed forms and quadrature."""

import math

import numba
import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import nn

from ib_runner.information.exact.linear_network import gaussian_layer
from ib_runner.information.paths.aim import _orthogonal
from ib_runner.information.paths.pre_activations import PlainPreActivations, pre_activations
from ib_runner.information.paths.weights import path_means, points
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.networks import FCN, GaussianNoise


def network(activation, widths, betas, scale=2.0, n_inputs=3):
    torch.manual_seed(1)
    levels = iter(betas)
    found = FCN(n_inputs, 2, widths, activation, lambda: GaussianNoise(next(levels))).eval()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter *= scale
    return found


def inputs(n=6, d=3):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(2))


def made(net, x, layer, count, seed=0):
    """Pre-activations, owners, points and their paths."""
    sampler = Sampler(net, x, 0)
    units = pre_activations(sampler, sampler.layers[layer - 1])
    owners = torch.arange(count) % len(x)
    found = points(units, owners.numpy(), np.random.default_rng(seed))
    return units, owners, found.t, found.made_by


@pytest.mark.parametrize("widths", [(3, 4), (5, 2), (4, 3, 6)])
def test_weights_are_constant_in_linear_networks(widths):
    net, x = network("identity", widths, (0.7, 0.4, 0.1)), inputs()
    layer = len(widths)
    units, owners, t, _ = made(net, x, layer, 12)
    one = path_means(units, owners, t, 1, np.random.default_rng(1)).below
    mean, covariance = gaussian_layer(net, x, layer)
    exact = torch.distributions.MultivariateNormal(mean[owners], covariance).log_prob(t)
    assert one == pytest.approx(exact.numpy(), abs=1e-5)


def brute_force(net, x, owners, t, beta, beta_below):
    """ln p(t|x) of layer 2 of a network with two units below, by a fine grid of their noise."""
    grid, step = np.linspace(-6, 6, 1201, retstep=True)
    zeta = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    prior = -0.5 * np.square(zeta).sum(1) - math.log(2 * math.pi) + 2 * math.log(step)
    first, f, _, second = list(net.double())[:4]
    found = []
    for owner, point in zip(owners, t, strict=True):
        below = f(first(x[owner].double())) + beta_below * torch.from_numpy(zeta)
        s = f(second(below)).detach().numpy()
        off = np.square((point.numpy() - s) / beta).sum(1) / 2
        peak = len(point) * math.log(beta * math.sqrt(2 * math.pi))
        found.append(logsumexp(prior - off) - peak)
    return np.array(found)


@pytest.mark.parametrize("activation", ["tanh", "relu", "leaky_relu"])
@pytest.mark.parametrize("scale", [pytest.param(1.0, marks=pytest.mark.slow), 4.0])
def test_both_bounds_hold_the_density_of_saturated_and_dead_units(activation, scale):
    """Noise 1.0 below and 0.2 at the layer: clouds that bend."""
    net, x = network(activation, (2, 3), (1.0, 0.2), scale), inputs()
    units, owners, t, made_by = made(net, x, 2, 24)
    found = path_means(units, owners, t, 256, np.random.default_rng(1), made_by)
    exact = brute_force(net, x, owners, t, 0.2, 1.0)
    assert found.below == pytest.approx(exact, abs=0.15)
    assert found.above == pytest.approx(exact, abs=0.15)
    assert (found.above - found.below).mean() < 0.02


def test_the_means_bracket_the_density_with_few_paths():
    net, x = network("tanh", (2, 2), (1.0, 0.3), 2.0), inputs()
    units, owners, t, made_by = made(net, x, 2, 8)
    exact = brute_force(net, x, owners, t, 0.3, 1.0)
    repeats = 1000
    found = path_means(
        units,
        owners.repeat(repeats),
        t.repeat(repeats, 1),
        4,
        np.random.default_rng(3),
        made_by.repeat(repeats, 1),
    )
    below = found.below.reshape(repeats, -1)
    assert np.all(below.mean(0) <= exact + 4 * below.std(0) / math.sqrt(repeats) + 2e-3)
    # E p̂ = p, whatever the number of paths
    ratio = np.exp(below - exact)
    assert np.all(abs(ratio.mean(0) - 1) <= 4 * ratio.std(0) / math.sqrt(repeats) + 2e-3)


@pytest.mark.slow
def test_the_mean_from_above_is_above():
    """The bound is on the mean over points and the paths that made them."""
    net, x = network("relu", (2, 2), (1.0, 0.3), 2.0), inputs()
    units, owners, t, made_by = made(net, x, 2, 240)
    exact = brute_force(net, x, owners, t, 0.3, 1.0)
    found = path_means(units, owners, t, 2, np.random.default_rng(3), made_by)
    excess = found.above - exact
    assert excess.mean() >= -3 * excess.std() / math.sqrt(len(excess))
    # and E p/p̂ = 1 there
    ratio = np.exp(-excess)
    assert abs(ratio.mean() - 1) <= 4 * ratio.std() / math.sqrt(len(ratio))


class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
def test_any_module_has_the_densities_of_the_plain_chain(activation):
    net, x = network(activation, (4, 6, 5), (0.3, 0.5, 0.2)), inputs()
    plain, owners, t, made_by = made(net, x, 3, 12)
    units, *_ = made(Wrapped(net), x, 3, 12)
    assert isinstance(plain, PlainPreActivations)
    assert not isinstance(units, PlainPreActivations)
    results = [
        path_means(one, owners, t, 8, np.random.default_rng(1), made_by) for one in (plain, units)
    ]
    assert results[0].below == pytest.approx(results[1].below, abs=1e-4)
    assert results[0].above == pytest.approx(results[1].above, abs=1e-4)


def test_noise_that_is_not_gaussian_has_no_paths():
    from ib_runner.networks import DropoutNoise

    net = nn.Sequential(nn.Linear(3, 4), DropoutNoise(0.5), nn.Linear(4, 2), GaussianNoise(0.1))
    sampler = Sampler(net, inputs(), 0)
    assert pre_activations(sampler, sampler.layers[1]) is None


def test_threads_change_no_bit():
    net = network("tanh", (20, 20, 20), (0.3, 0.3, 0.1))
    units, owners, t, made_by = made(net, inputs(), 3, 900)  # three blocks
    before, found = numba.get_num_threads(), []
    for threads in {1, numba.config.NUMBA_NUM_THREADS}:
        numba.set_num_threads(threads)
        try:
            one = path_means(units, owners, t, 32, np.random.default_rng(0), made_by)
        finally:
            numba.set_num_threads(before)
        found.append((one.below.tobytes(), one.above.tobytes()))
    assert len(set(found)) == 1


@pytest.mark.parametrize("case", ["as it is", "nearly singular", "dead units", "fewer numbers"])
def test_an_orthogonal_basis_of_any_jacobian(case):
    rng = np.random.default_rng(0)
    jacobian = rng.standard_normal((4, 6, 4 if case == "fewer numbers" else 15))
    if case == "nearly singular":
        jacobian[1, 3] = jacobian[1, 2] + 1e-9 * jacobian[1, 4]
        jacobian[2] *= 10.0 ** np.arange(0, -12, -2)[:, None]
    if case == "dead units":
        jacobian[1:3, 2:4] = 0.0
    basis, lower = _orthogonal(torch.from_numpy(jacobian))
    assert torch.equal(lower, lower.tril())
    k = lower.shape[2]
    eye = torch.eye(k, dtype=torch.float64).expand(4, k, k).numpy()
    assert (basis.mT @ basis).numpy() == pytest.approx(eye, abs=1e-12)
    assert (lower @ basis.mT).numpy() == pytest.approx(jacobian, abs=1e-12)


@pytest.mark.parametrize("scale", [10.0, 300.0, 3000.0])
def test_pre_activations_far_beyond_saturation(scale):
    net, x = network("tanh", (4, 3), (0.5, 0.02), scale=scale), inputs()
    units, owners, t, made_by = made(net, x, 2, 60)
    found = path_means(units, owners, t, 64, np.random.default_rng(0), made_by)
    assert float(units.of(owners, made_by).abs().max()) > scale
    assert np.isfinite(found.below).all()
    assert np.isfinite(found.above).all()
    assert found.above.mean() >= found.below.mean() - 1e-3
    rng = np.random.default_rng(1)
    s = units.activation(
        units.of(owners.repeat(4000), torch.from_numpy(rng.standard_normal((240_000, 4))))
    )
    noise = -0.5 * ((t.repeat(4000, 1) - s) / 0.02).square().sum(1).numpy()
    log_p = logsumexp(noise.reshape(4000, 60), axis=0) - np.log(4000.0)
    log_p -= 3 * (np.log(0.02) + 0.5 * np.log(2 * np.pi))
    # few of the draws explain a point where no unit is at ±1, so that their mean fails there
    assert np.median(np.abs(found.below - log_p)) < 0.1
    assert np.median(np.abs(found.above - log_p)) < 0.1
