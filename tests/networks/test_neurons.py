"""Neurons in series against the formula, by hand."""

import math
from functools import partial

import pytest
import torch

from ib_runner.networks import GaussianNoise, channels
from ib_runner.networks.neurons import Neurons

NOISE = partial(GaussianNoise, 0.1)


def test_one_neuron_is_its_formula():
    network = Neurons(1, 1, [0.5], [-0.25], "tanh", NOISE).eval()
    x = torch.tensor([[-3.0], [1.0]])
    expected = [math.tanh(0.5 * -3 - 0.25), math.tanh(0.5 - 0.25)]
    assert network(x).flatten().tolist() == pytest.approx(expected)
    assert sum(p.numel() for p in network.parameters()) == 2


def test_two_neurons_in_series_have_a_channel_each():
    network = Neurons(1, 1, [-0.5, 2.0], [1.0, -0.3], "leaky_relu", NOISE).eval()
    leaky = lambda a: max(a, a / 10)  # noqa: E731
    x = [1.0, 3.0, 8.0]
    expected = [leaky(2.0 * leaky(-0.5 * one + 1.0) - 0.3) for one in x]
    outputs = network(torch.tensor(x)[:, None]).flatten()
    assert outputs.tolist() == pytest.approx(expected)
    assert len(channels(network, torch.zeros(1, 1))) == 2
    assert sum(p.numel() for p in network.parameters()) == 4
    torch.manual_seed(0)
    assert not torch.equal(network.train()(torch.tensor(x)[:, None]).flatten(), outputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 1, [0.0], [0.0]), "2 inputs and 1 outputs"),
        ((1, 2, [0.0], [0.0]), "1 inputs and 2 outputs"),
        ((1, 1, [0.0, 1.0], [0.0]), "2 weights and 1 biases"),
        ((1, 1, [], []), "0 weights and 0 biases"),
    ],
)
def test_errors_name_the_cause(arguments, message):
    with pytest.raises(ValueError, match=message):
        Neurons(*arguments, "tanh", NOISE)
