"""Networks and inputs as users bring them: any precision, any mode, mistakes."""

import math

import pytest
import torch
from torch import nn

from ib_runner.information import mutual_information
from ib_runner.networks import GaussianNoise


class Shifted(nn.Module):
    """T = x + shift + Z."""

    def __init__(self, shift: float, beta: float):
        super().__init__()
        self.shift, self.noise = shift, GaussianNoise(beta)

    def forward(self, x):
        return self.noise(x + self.shift)


@pytest.mark.parametrize("method", ["coupled", "paper", "nearest_neighbours"])
@pytest.mark.parametrize("beta", [0.01, 0.1])
def test_a_float64_network_far_from_the_origin(method, beta):
    """The information does not depend on the shift; float32 cannot tell these inputs apart."""
    x = torch.linspace(0, 1, 16, dtype=torch.float64)[:, None] * 3 * beta
    near, far = (
        mutual_information(Shifted(shift, beta), x, layer=1, method=method) for shift in (0.0, 1e6)
    )
    assert far.mi == pytest.approx(near.mi, abs=1e-3)
    if method == "coupled":
        exact = mutual_information(Shifted(0.0, beta), x, layer=1, method="quadrature").mi
        assert far.lower <= exact <= far.upper


class WithBatchNorm(nn.Module):
    """Batch norm and dropout of a user's own between our channels."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)
        self.first, self.second = GaussianNoise(0.1), GaussianNoise(0.1)

    def forward(self, x):
        return self.second(torch.tanh(self.drop(self.first(self.norm(x)))))


def test_a_network_in_train_mode_is_measured_as_in_eval_mode_and_left():
    torch.manual_seed(0)
    network, x = WithBatchNorm(), torch.randn(40, 3)
    network(x)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    trained = mutual_information(network, x, layer=2)
    assert network.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    evaluated = mutual_information(network.eval(), x, layer=2)
    assert (trained.lower, trained.upper) == (evaluated.lower, evaluated.upper)


def test_inputs_that_want_gradients():
    x = torch.randn(10, 3, requires_grad=True)
    found = mutual_information(WithBatchNorm(), x, layer=1)
    assert found.lower <= found.mi <= found.upper


CHANNEL = nn.Sequential(GaussianNoise(0.1))


@pytest.mark.parametrize("units", [3, 20])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_inputs_that_are_no_numbers(units, value):
    x = torch.randn(10, units)
    x[4, 1] = value
    with pytest.raises(ValueError, match="x has values that are NaN or infinite"):
        mutual_information(CHANNEL, x, layer=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer": 1.0}, "layer = 1.0: a whole number"),
        ({"layer": 2}, "layer = 2: the network has 1 to 1"),
        ({"target_width": math.inf}, "target_width = inf"),
        ({"target_width": math.nan}, "target_width = nan"),
        ({"n_x": 2.5}, "n_x = 2.5: a whole number ≥ 2"),
        ({"n_x": 1}, "n_x = 1: a whole number ≥ 2"),
        ({"n_mc": math.nan}, "n_mc = nan"),
        ({"budget": 0}, "budget = 0"),
    ],
)
def test_settings_that_mean_nothing(settings, message):
    with pytest.raises(ValueError, match=message):
        mutual_information(CHANNEL, torch.randn(10, 3), **{"layer": 1, **settings})


def test_no_inputs_at_all():
    with pytest.raises(ValueError, match=r"x has the shape \[0, 3\]"):
        mutual_information(CHANNEL, torch.randn(0, 3), layer=1)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e12, 1e18, 1e25])
def test_noise_that_float32_coordinates_would_lose_certifies_nothing(kind, scale):
    """Layer 2 has what layer 1 has, J(2) = 0.11142: its own noise is nothing beside the values."""
    steep = nn.Linear(1, 3, bias=False, dtype=kind)
    with torch.no_grad():
        steep.weight.copy_(torch.tensor([[1.0], [-0.5], [2.0]]) * scale)
    network = nn.Sequential(GaussianNoise(2.0), steep, GaussianNoise(0.37))
    found = mutual_information(network, torch.tensor([[-1.0], [1.0]]), layer=2)
    assert found.lower <= 0.11142 <= found.upper
    assert found.status.value == "not_certified"


@pytest.mark.parametrize("method", ["coupled", "paper", "nearest_neighbours", "quadrature"])
def test_values_that_are_no_numbers_fail(method):
    network = nn.Sequential(nn.Linear(1, 1), GaussianNoise(1.0))
    with torch.no_grad():
        network[0].weight.fill_(1e30)
    x = torch.tensor([[1e30], [0.0], [-1e30]])
    assert mutual_information(network, x, layer=1, method=method).status.value == "failed"
