"""Linear networks against quadrature, product sets, and samples of the network itself."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.information import estimate_layers
from ib_runner.information.exact.linear_network import (
    gaussian_layer,
    points_in_unit_noise,
    whitened,
)
from ib_runner.information.exact.quadrature import mutual_information
from ib_runner.information.methods.pairwise_bounds import pairwise_bounds
from ib_runner.networks import FCN, GaussianNoise, hidden_layers, with_noise


def linear_network(widths: list[int], beta: float, seed: int = 0) -> FCN:
    torch.manual_seed(seed)
    return FCN(3, 2, widths, "identity", lambda: GaussianNoise(beta))


def test_mean_and_covariance_are_those_of_the_network_s_samples():
    network = linear_network([4, 3], 0.3)
    x = torch.randn(2, 3)
    mean, covariance = gaussian_layer(network, x, 2)
    n = 40000
    t = hidden_layers(network, x.repeat_interleave(n, 0), noise=True)[1].t.reshape(2, n, 3).double()
    room = 5 * covariance.diagonal().sqrt().max().item() / math.sqrt(n)
    assert torch.allclose(t.mean(1), mean, atol=room, rtol=0)
    for samples in t:
        assert torch.allclose(samples.T.cov(), covariance, atol=room, rtol=0)


def test_noise_behind_modules_and_inputs_that_are_flattened_first():
    torch.manual_seed(0)
    first, second = nn.Linear(6, 4), nn.Linear(4, 3)
    x = torch.randn(5, 2, 3)
    there = nn.Sequential(first, GaussianNoise(0.3), second, GaussianNoise(0.3))
    expected = gaussian_layer(there, x.flatten(1), 2)
    found = gaussian_layer(
        with_noise(nn.Sequential(nn.Flatten(), first, second), 0.3, (nn.Linear,)), x, 2
    )
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_a_linear_network_with_noise_behind_its_modules_is_measured():
    torch.manual_seed(0)
    x = torch.randn(40, 6)
    layers = [nn.Linear(6, 20), nn.Linear(20, 18)]
    there = nn.Sequential(layers[0], GaussianNoise(0.3), layers[1], GaussianNoise(0.3))
    behind = with_noise(nn.Sequential(*layers), 0.3, (nn.Linear,))
    ends = [
        [(one.lower, one.upper) for one in estimate_layers(network, x, budget=10**8)]
        for network in (there, behind)
    ]
    assert ends[0] == ends[1]


def test_whitening_makes_mahalanobis_distances_euclidean():
    mean, covariance = gaussian_layer(linear_network([4, 3], 0.3), torch.randn(5, 3), 2)
    points = whitened(mean, covariance)
    difference = mean[0] - mean[1]
    mahalanobis = difference @ torch.linalg.solve(covariance, difference)
    assert (points[0] - points[1]).square().sum().item() == pytest.approx(mahalanobis.item())


def test_one_unit_against_quadrature():
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(3))
    points = whitened(*gaussian_layer(linear_network([4, 1], 0.2), x, 2))
    exact = mutual_information(points[:, 0].numpy(), 1.0).value
    result = points_in_unit_noise(points, 64, seed=0)
    assert 0.1 < exact < math.log(40) - 0.1
    assert result.stderr < 1e-3
    assert result.value == pytest.approx(exact, abs=5 * result.stderr)


@pytest.mark.parametrize(("d", "distance"), [(2, 2.0), (4, 1.0), (5, 4.0)])
def test_corners_of_a_cube_are_independent_bits(d, distance):
    corners = torch.cartesian_prod(*[torch.tensor([0.0, distance])] * d).double()
    rotation = torch.linalg.qr(
        torch.randn(d, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )[0]
    result = points_in_unit_noise(corners @ rotation, 64, seed=1)
    exact = d * mutual_information(np.array([0.0, distance]), 1.0).value
    assert result.stderr < 4e-3
    assert result.value == pytest.approx(exact, abs=5 * result.stderr)
    lower, upper = pairwise_bounds(corners @ rotation, 1.0)
    assert lower < exact < upper


def test_the_standard_error_is_the_spread_over_seeds():
    points = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)).double()
    results = [points_in_unit_noise(points, 8, seed) for seed in range(20)]
    spread = np.std([result.value for result in results], ddof=1)
    claimed = math.sqrt(np.mean([result.stderr**2 for result in results]))
    assert 0.6 < claimed / spread < 1.6


def test_limits():
    assert points_in_unit_noise(torch.zeros(1, 3).double(), 4, 0).value == 0.0
    same = points_in_unit_noise(torch.ones(16, 3).double(), 4, 0)
    assert same.value == pytest.approx(0.0, abs=1e-12)
    apart = points_in_unit_noise(50.0 * torch.eye(16).double(), 4, 0)
    assert apart.value == pytest.approx(math.log(16), abs=1e-12)
    assert apart.stderr < 1e-12


def test_blocks_make_no_difference(monkeypatch):
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).double()
    whole = points_in_unit_noise(points, 4, 0)
    monkeypatch.setattr("ib_runner.information.exact.linear_network._KERNELS_AT_ONCE", 900)
    assert points_in_unit_noise(points, 4, 0).value == pytest.approx(whole.value, abs=1e-12)


def test_errors_name_the_cause():
    x = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="Tanh"):
        gaussian_layer(FCN(3, 2, [2], "tanh", lambda: GaussianNoise(0.1)), x, 1)
    with pytest.raises(ValueError, match="layer = 3"):
        gaussian_layer(linear_network([2, 2], 0.1), x, 3)
    with pytest.raises(ValueError, match="no noise"):
        whitened(*gaussian_layer(linear_network([2], 0.0), x, 1))
    without_bias = nn.Sequential(nn.Linear(3, 2, bias=False), GaussianNoise(1.0))
    assert gaussian_layer(without_bias, x, 1)[0].abs().max() == 0.0
