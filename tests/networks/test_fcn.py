import math

import pytest
import torch
from torch import nn

from ib_runner.networks import FCN, GaussianNoise, channels
from ib_runner.networks.activations import activation


def szt_network(kind="tanh"):
    return FCN(12, 2, [10, 7, 5, 4, 3], kind, lambda: GaussianNoise(0.1))


def test_widths_and_channels():
    network = szt_network()
    linears = [module for module in network if isinstance(module, nn.Linear)]
    widths = [(linear.in_features, linear.out_features) for linear in linears]
    assert widths == [(12, 10), (10, 7), (7, 5), (5, 4), (4, 3), (3, 2)]
    found = channels(network.eval(), torch.zeros(1, 12))
    assert len(found) == 5
    assert len(set(map(id, found))) == 5
    assert isinstance(network[-1], nn.Linear)


def test_initial_weights_are_uniform_within_fan_in():
    torch.manual_seed(0)
    network = FCN(400, 300, [500], "tanh", lambda: GaussianNoise(0.1))
    for linear in (network[0], network[3]):
        bound = 1 / math.sqrt(linear.in_features)
        for values in (linear.weight, linear.bias):
            assert values.abs().max() <= bound
            assert values.abs().max() > 0.98 * bound
        # a uniform variable on ±b has standard deviation b/√3
        assert linear.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tanh", [math.tanh(-2.0), 0.0, math.tanh(3.0)]),
        ("relu", [0.0, 0.0, 3.0]),
        ("leaky_relu", [-0.2, 0.0, 3.0]),
        ("identity", [-2.0, 0.0, 3.0]),
    ],
)
def test_activations(name, expected):
    values = activation(name)(torch.tensor([-2.0, 0.0, 3.0]))
    assert values.tolist() == pytest.approx(expected)


def test_unknown_activation_names_the_known_ones():
    with pytest.raises(ValueError, match=r"softplus.*tanh, relu, leaky_relu, identity"):
        activation("softplus")
