"""Recorded S and T are copies, and a recording pass leaves network and inputs unchanged."""

import math

import numpy as np
import pytest
import torch
from networks_of_others import J, Net, X, holds, refused, same
from torch import nn

from ib_runner.information import mutual_information
from ib_runner.information.exact.quadrature import mutual_information as on_a_line
from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise, hidden_layers


def _overwritten(modules, x):
    a = modules[0](x)
    t = modules[1](a)
    a.mul_(0.01)
    return modules[2](modules[3](t) + a)


def _divided(modules, x):
    x.div_(2)
    return modules[0](x)


@pytest.mark.parametrize(
    ("network", "truth"),
    [
        (Net(_overwritten, same(), GaussianNoise(1.0), GaussianNoise(0.5), same()), J[1.0]),
        (Net(_divided, GaussianNoise(1.0)), J[2.0]),
        (Net(lambda m, x: m[0](x).mul_(0.01), GaussianNoise(1.0)), J[1.0]),
        (Net(lambda m, x: m[0](x.add_(3.0)).add_(1e9), GaussianNoise(0.5)), J[0.5]),
        (nn.Sequential(same(), GaussianNoise(0.5), nn.ReLU(inplace=True), same()), J[0.5]),
    ],
)
def test_what_is_done_in_place_changes_no_value(network, truth):
    holds(network, truth)


CHANNELS = {
    "GaussianNoise": lambda: GaussianNoise(1.0),
    "beta 0": lambda: GaussianNoise(0.0),
    "DropoutNoise": lambda: DropoutNoise(0.5),
    "p 0": lambda: DropoutNoise(0.0),
    "feature maps": lambda: DropoutNoise(0.5, feature_maps=True),
    "NoNoise": NoNoise,
}


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS.keys())
def test_recorded_values_outlive_what_comes_behind_them(channel, noise):
    x = torch.tensor([[-3.0], [-1.0], [1.0], [3.0]])

    def forward(modules, x):
        t = modules[0](x)
        again = t.clone()
        t += 7
        t *= 2
        t.relu_()
        return again

    network = Net(forward, channel())
    outputs = []
    network.register_forward_hook(lambda *given: outputs.append(given[2]))
    (hidden,) = hidden_layers(network, x, noise=noise)
    assert torch.equal(hidden.s, x)
    assert torch.equal(hidden.t, outputs[0])


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS.keys())
@pytest.mark.parametrize("training", [False, True])
def test_a_channels_output_is_a_tensor_of_its_own(channel, training):
    s = torch.ones(3, 2, 2, 2)
    channel().train(training)(s).fill_(5.0)
    assert torch.equal(s, torch.ones(3, 2, 2, 2))


class Averages(nn.Module):
    """A running mean that goes on in eval mode: assigned, or in place."""

    def __init__(self, assigned, effect):
        super().__init__()
        self.noise, self.assigned, self.effect = GaussianNoise(0.5), assigned, effect
        self.register_buffer("mean", torch.zeros(1))

    def forward(self, x):
        if self.assigned:
            self.mean = 0.9 * self.mean + 0.1 * (x.mean() + 1)
        else:
            self.mean.mul_(0.9).add_(0.1 * (x.mean() + 1))
        return self.noise(x - self.effect * self.mean)


@pytest.mark.parametrize("assigned", [False, True])
@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_passes_that_change_the_network(assigned, effect):
    network = Averages(assigned, effect)
    refused(network, X, "a forward pass in eval mode changes mean" if not effect else "")
    assert torch.equal(network.mean, torch.zeros(1))


def test_passes_that_change_weights():
    def clipped(modules, x):
        modules[0].weight.data.clamp_(-0.5, 0.5)
        return modules[1](modules[0](x))

    network = Net(clipped, same(), GaussianNoise(0.5))
    refused(network, X, "a forward pass in eval mode changes weight")
    assert network.layers[0].weight.item() == 1.0


@pytest.mark.parametrize("method", ["coupled", "quadrature", "paper"])
def test_the_default_device_is_the_callers_affair(method):
    network = nn.Sequential(
        same(), nn.Identity(), GaussianNoise(0.5), same(), nn.Tanh(), GaussianNoise(0.5)
    )
    adds = Net(lambda m, x: m[0](x + torch.zeros(1)), GaussianNoise(0.5))
    for one, layer in ((network, 1), (network, 2), (adds, 1)):
        wanted = mutual_information(one, X, layer, method=method, n_x=100, n_mc=100)
        with torch.device("meta"):
            found = mutual_information(one, X, layer, method=method, n_x=100, n_mc=100)
        assert found.mi == wanted.mi
        assert found.lower == wanted.lower


@pytest.mark.parametrize("which", [nn.Linear, nn.Tanh, GaussianNoise])
def test_hooks_of_all_modules(which):
    """A kernel would know nothing of them."""
    network = nn.Sequential(
        same(), nn.Identity(), GaussianNoise(0.5), same(), nn.Identity(), GaussianNoise(0.5)
    )
    hooked = nn.modules.module.register_module_forward_hook(
        lambda module, given, out: out / 2 if isinstance(module, which) else None
    )
    try:
        if which is GaussianNoise:
            refused(network, X, "what comes out of its channel is not S + noise")
        elif which is nn.Linear:  # 1/4 of S, 1/2 of the noise below
            holds(network, on_a_line(np.array([-0.25, 0.25]), math.hypot(0.25, 0.5)).value, layer=2)
        else:
            holds(network, J[math.sqrt(0.5)], layer=2)
    finally:
        hooked.remove()


class Causal(nn.Module):
    """Attends to what came before: a mask with infinite entries is one of its buffers."""

    def __init__(self):
        super().__init__()
        self.noise = GaussianNoise(0.5)
        self.register_buffer("mask", torch.full((3, 3), -math.inf).triu(1))

    def forward(self, x):
        weights = torch.softmax(x @ x.mT + self.mask, -1)
        return self.noise((weights @ x)[:, 0])


def test_buffers_may_be_infinite():
    x = X[:, None] * torch.tensor([[1.0], [5.0], [7.0]])  # the first sees itself alone
    holds(Causal(), J[0.5], x=x)


def test_statistics_that_are_no_numbers():
    network = nn.Sequential(nn.BatchNorm1d(1), GaussianNoise(0.5))
    network[0].running_var.fill_(math.nan)
    assert mutual_information(network, X, layer=1).status.value == "failed"
