"""Users' own networks are measured correctly, or refused with a message that names the layer."""

import math
import random

import numpy as np
import pytest
import torch
from networks_of_others import J, Net, X, holds, refused, same
from torch import nn
from torch.nn import functional

from ib_runner.errors import UnmeasurableError
from ib_runner.information import mutual_information
from ib_runner.networks import GaussianNoise
from ib_runner.networks.preconditions import measurable

RANDOM = "something beside the noise channels is random, or remembers earlier passes"


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls, self.noise = 0, GaussianNoise(0.5)

    def forward(self, x):
        self.calls += 1
        return self.noise(x + 1e-3 * self.calls)


def _reseeds(modules, x):
    torch.manual_seed(0)
    return modules[0](x)


def _seldom(modules, x):
    return modules[0](x * (torch.rand(()) < 2.0))


@pytest.mark.parametrize(
    "network",
    [
        Net(lambda m, x: m[0](x + 0.5 * torch.randn_like(x)), GaussianNoise(0.5)),
        Net(lambda m, x: m[0](functional.dropout(x)), GaussianNoise(0.5)),
        Net(lambda m, x: m[0](x + float(np.random.normal())), GaussianNoise(0.5)),  # noqa: NPY002
        Net(_reseeds, GaussianNoise(0.5)),
        Net(_seldom, GaussianNoise(0.5)),
        Counts(),
    ],
)
def test_randomness_that_is_not_ours(network):
    refused(network, X, "layer 1", RANDOM)


def test_randomness_between_two_channels():
    network = Net(
        lambda m, x: m[1](functional.dropout(m[0](x))), GaussianNoise(0.5), GaussianNoise(0.5)
    )
    refused(network, X, "layer 2 (layers.1)", RANDOM, layer=2)


def test_randomness_behind_the_last_channel_is_nobodys():
    holds(Net(lambda m, x: functional.dropout(m[0](x)), GaussianNoise(0.5)), J[0.5])


def test_dropout_modules_are_off():
    holds(nn.Sequential(nn.Dropout(0.5), GaussianNoise(0.5)).train(), J[0.5])


NEIGHBOURS = "depends on the others in its batch"
AXIS = "the first axis must be the inputs"


def _recurrent(modules, x):
    return modules[1](modules[0](x)[0])


def _transposed(modules, x):
    return modules[1](modules[0](x.transpose(0, 1))[0])


def test_a_recurrent_network():
    torch.manual_seed(0)
    x = torch.randn(6, 64, 3)
    refused(Net(_recurrent, nn.LSTM(3, 2), GaussianNoise(0.5)), x, "layer 1", NEIGHBOURS)
    refused(Net(_transposed, nn.LSTM(3, 2), GaussianNoise(0.5)), x, "layer 1", AXIS)
    # as many steps as inputs: the shape alone tells nothing
    refused(Net(_transposed, nn.LSTM(3, 2), GaussianNoise(0.5)), torch.randn(6, 6, 3), AXIS)
    right = Net(_recurrent, nn.LSTM(3, 2, batch_first=True), GaussianNoise(0.5))
    found = measurable(right, x)
    assert found.shapes == [(64, 2)]


@pytest.mark.parametrize(
    ("forward", "x"),
    [
        (lambda m, x: m[0](x - x.mean(0)), torch.randn(64, 2)),
        (lambda m, x: m[0](x - x.mean(0)), X),
        (lambda m, x: m[0](x - 1e-3 * x.mean(0)), 5 * torch.rand(64, 2)),
        (lambda m, x: m[0](x.cumsum(0)), torch.randn(64, 2)),
        (lambda m, x: m[0](x + x.roll(1, 0)), torch.randn(64, 2)),
        (lambda m, x: m[0](x / x.norm()), torch.randn(64, 2)),
        (lambda m, x: m[0](x + torch.arange(len(x))[:, None]), torch.randn(64, 2)),
        (lambda m, x: m[0](x - x.mean(0)), torch.tensor([[1.0]] * 4000 + [[2.0]])),
    ],
)
def test_a_row_that_depends_on_its_neighbours(forward, x):
    refused(Net(forward, GaussianNoise(0.5)), x, "layer 1", NEIGHBOURS)


def test_batch_norm_without_statistics():
    network = nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False), GaussianNoise(0.5))
    refused(network, torch.randn(64, 2), "layer 1", NEIGHBOURS)


@pytest.mark.parametrize("scale", [1.0, 1e5, 1e-5])
@pytest.mark.parametrize("beta", [1e-6, 0.1])
def test_rounding_is_no_neighbour(scale, beta):
    """Sums of many terms that all but cancel differ with the batch's size, in their last bits."""
    torch.manual_seed(0)
    wide = nn.Linear(3, 500)
    back = nn.Linear(500, 4)
    x = torch.randn(40, 3) * scale
    network = nn.Sequential(
        wide, nn.Tanh(), nn.LayerNorm(500), back, nn.BatchNorm1d(4), GaussianNoise(beta)
    )
    assert measurable(network, x).shapes == [(4,)]


CALLS = "which noise channels are passed, or how often, depends on the inputs"


def _until_large(modules, x):
    h = modules[0](x)
    while h.norm() < 10:
        h = modules[0](2 * h)
    return h


def _by_sign(modules, x):
    first, second = modules if float(x[0, 0]) > 0 else reversed(modules)
    return second(first(x))


@pytest.mark.parametrize("forward", [_until_large, _by_sign])
def test_channel_calls_that_depend_on_the_data(forward):
    refused(Net(forward, GaussianNoise(0.5), GaussianNoise(0.5)), X, CALLS)


def test_channel_calls_that_depend_on_inputs_that_were_not_tried():
    def forward(modules, x):
        return modules[0](x) if bool((x < 1000).all()) else modules[1](modules[0](x))

    def swapped(modules, x):
        return forward(modules if bool((x < 1000).all()) else [modules[1], modules[0]], x)

    x = torch.arange(0.0, 999.0)[:, None]
    x[500] = 1001.0
    with pytest.raises(UnmeasurableError, match=CALLS):
        mutual_information(Net(swapped, GaussianNoise(0.5), GaussianNoise(0.5)), x, layer=1)


def test_one_module_called_several_times():
    linear, channel = same(), GaussianNoise(0.5)
    network = nn.Sequential(linear, channel, linear, channel)
    holds(network, J[0.5])
    holds(network, J[math.sqrt(0.5)], layer=2)
    called = Net(lambda m, x: m[1](m[0](m[1](m[0](x)))), linear, channel)
    holds(called, J[math.sqrt(0.5)], layer=2)


def test_tied_weights():
    a, b = same(), same(3.0)
    b.weight, b.bias = a.weight, a.bias
    network = nn.Sequential(
        a, nn.Identity(), GaussianNoise(0.5), b, nn.Identity(), GaussianNoise(0.5)
    )
    holds(network, J[math.sqrt(0.5)], layer=2)
    transposed = Net(
        lambda m, x: m[1](functional.linear(m[0](x), m[2].weight.T)), *network[2:6:3], a
    )
    holds(transposed, J[math.sqrt(0.5)], layer=2)


@pytest.mark.parametrize(
    "squeezed",
    [
        lambda m, x: m[1](m[0](x).squeeze()),
        lambda m, x: m[1](m[0](x).squeeze().reshape(-1, 1)),
        lambda m, x: m[1](m[0](x)[:, :, None].squeeze().view(len(x), -1)),
    ],
)
@pytest.mark.parametrize("method", ["coupled", "quadrature"])
def test_squeeze(squeezed, method):
    holds(Net(squeezed, same(), GaussianNoise(0.5)), J[0.5], method=method)


@pytest.mark.parametrize("draw", [np.random.rand, random.random])
def test_other_generators(draw):
    """A draw that seldom matters is one all the same; the generator is left as it was."""
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    refused(Net(lambda m, x: m[0](x + 5 * (draw() < 1e-6)), GaussianNoise(0.5)), X, RANDOM)
    holds(Net(lambda m, x: m[0](x) + draw(), GaussianNoise(0.5)), J[0.5])
    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert random.getstate() == before[1]


def test_a_seldom_neighbour():
    """The largest row of all changes the others, and no other row does."""
    x = torch.linspace(-1, 1, 999)[:, None]
    x[123] = 50.0
    refused(Net(lambda m, x: m[0](x / x.max().clamp(min=1)), GaussianNoise(0.5)), x, NEIGHBOURS)
    refused(Net(lambda m, x: m[0](x / x.abs().max().clamp(min=1)), GaussianNoise(0.5)), -x)
