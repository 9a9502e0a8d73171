"""Number types, devices, wrappers, and channels that are not what their class says."""

import copy
import sys

import numpy as np
import pytest
import torch
from networks_of_others import J, Net, X, holds, refused, same
from torch import nn

from ib_runner.information import mutual_information
from ib_runner.networks import GaussianNoise, NoNoise
from ib_runner.networks.noise import NoiseChannel
from ib_runner.networks.preconditions import measurable


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_refused_by_name(kind):
    name = str(kind).removeprefix("torch.")
    network = nn.Sequential(same(), GaussianNoise(0.5))
    refused(copy.deepcopy(network).to(kind), X, f"0.weight is {name}", "network.float()")

    def cast(modules, x):
        with torch.autocast("cpu", dtype=kind):
            return modules[1](modules[0](x))

    refused(Net(cast, same(), GaussianNoise(0.5)), X, f"layer 1 is computed in {name}")
    with torch.autocast("cpu", dtype=kind):
        holds(Net(lambda m, x: m[1](m[0](x)), same(), GaussianNoise(0.5)), J[0.5])


@pytest.mark.parametrize("method", ["coupled", "quadrature"])
def test_a_forward_pass_that_casts(method):
    cast = Net(lambda m, x: m[1](m[0](x.float())), same(), GaussianNoise(0.5))
    holds(cast, J[0.5], method=method)
    holds(cast, J[0.5], x=X.double(), method=method)
    table = nn.Embedding(2, 1)
    with torch.no_grad():
        table.weight.copy_(X)
    embedding = Net(lambda m, x: m[1](m[0](x)), table, GaussianNoise(0.5))
    for x in (torch.tensor([0, 1]), torch.tensor([0, 1], dtype=torch.uint8), np.array([0, 1])):
        holds(embedding, J[0.5], x=x, method=method)


class Mixed(nn.Module):
    """Normalises in float32 whatever comes, as large models do."""

    def forward(self, x):
        y = x.float()
        return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_norm_that_casts_to_float32(kind):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 200), Mixed(), nn.Linear(200, 4), GaussianNoise(0.1)).to(
        kind
    )
    assert measurable(network, torch.randn(40, 3)).precision == kind


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_wrapped_networks():
    network = nn.Sequential(same(), GaussianNoise(0.5))
    holds(nn.DataParallel(network), J[0.5])
    scripted = torch.jit.trace(same(), X, check_trace=False)
    refused(scripted, X, "a scripted or traced network keeps its layers to itself")
    refused(lambda x: x, X, "function is no torch.nn.Module")


@pytest.mark.skipif(sys.platform != "linux", reason="the compiler needs its tools")
def test_compiled_networks():
    network = Net(lambda m, x: m[1](m[0](x)), same(), GaussianNoise(0.5))
    holds(torch.compile(network, backend="eager"), J[0.5])
    parts = Net(
        lambda m, x: m[1](m[0](x)), torch.compile(same(), backend="eager"), GaussianNoise(0.5)
    )
    holds(parts, J[0.5])
    whole = Net(lambda m, x: m[0](x), torch.compile(network, backend="eager"))
    whole(X)
    holds(whole, J[0.5])


def test_lazy_modules_without_values():
    refused(nn.Sequential(nn.LazyLinear(1), GaussianNoise(0.5)), X, "0.weight has no values yet")


def test_weights_on_no_device():
    network = nn.Sequential(nn.Linear(1, 1, device="meta"), GaussianNoise(0.5))
    refused(network, X, "0.weight has no values")


def test_integer_and_complex_layers():
    refused(Net(lambda m, x: m[0](x.round().int()), NoNoise()), X, "layer 1 is computed in int32")
    refused(Net(lambda m, x: m[0](x + 0j), NoNoise()), X, "layer 1 is computed in complex64")


class Louder(GaussianNoise):
    def forward(self, s):
        return super().forward(super().forward(s))


class NeverOn(GaussianNoise):
    def train(self, mode=True):
        return super().train(False)


class Own(NoiseChannel):
    """A user's own kind: not Gaussian, so that nothing is estimated."""

    def forward(self, s):
        return s * (1 + torch.randn_like(s)) if self.training else s


def test_channels_that_are_not_what_their_class_says():
    refused(nn.Sequential(same(), Louder(0.5)), X, "1: Louder has a forward pass of its own")
    refused(nn.Sequential(same(), NeverOn(0.5)), X, "its NeverOn cannot be switched on")
    hooked = nn.Sequential(same(), GaussianNoise(0.5))
    hooked[1].register_forward_hook(lambda module, inputs, output: output + 1.0)
    refused(hooked, X, "layer 1 (1): what comes out of its channel is not S + noise")
    changed = nn.Sequential(same(), GaussianNoise(0.5))
    changed[1].beta = -1.0
    refused(changed, X, "1: noise.beta = -1.0")
    own = mutual_information(nn.Sequential(same(), Own()), X, layer=1)
    assert own.status.value == "vacuous"


def test_channels_that_nothing_passes():
    unused = Net(lambda m, x: m[0](x), same(), GaussianNoise(0.5))
    refused(unused, X, "goes through none of its noise channels")


def test_a_forward_pass_that_fails():
    network = nn.Sequential(nn.Linear(3, 2), GaussianNoise(0.5))
    refused(network, X, "Sequential does not take inputs of shape [2, 1] and type float32")
    fixed = Net(lambda m, x: m[0](x.reshape(2, -1)), GaussianNoise(0.5))
    refused(fixed, torch.randn(20, 4), "inputs make values of shape [2, ")


def test_a_network_that_catches_everything():
    def forward(modules, x):
        try:
            x = modules[0](x)
        except Exception:
            x = 0 * x
        return modules[1](x)

    holds(Net(forward, GaussianNoise(0.5), GaussianNoise(0.5)), J[0.5])


def _when_on(change):
    """A hook that does what only measuring sees."""
    return lambda channel, given, t: change(t) if channel.training else t


@pytest.mark.parametrize(
    "change", [lambda t: 2 * t, lambda t: t + torch.randn_like(t), lambda t: t.round()]
)
def test_hooks_that_wait_until_the_noise_is_on(change):
    network = nn.Sequential(same(), GaussianNoise(1.0))
    network[1].register_forward_hook(_when_on(change))
    refused(network, X, "layer 1 (1): what comes out of its channel is not S + noise")
