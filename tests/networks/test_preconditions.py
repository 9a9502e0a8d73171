"""Networks of others: measured as they are, or refused in a sentence that names the layer."""

import copy
import math
import random
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ib_runner.errors import UnmeasurableError, UsageError
from ib_runner.information import mutual_information
from ib_runner.information.exact.quadrature import mutual_information as on_a_line
from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise, hidden_layers, with_noise
from ib_runner.networks.noise import NoiseChannel
from ib_runner.networks.preconditions import measurable

#: I(±1; ±1 + N(0, s²)) in nats, by s
J = {0.5: 0.63272, math.sqrt(0.5): 0.50007, 1.0: 0.33683, 2.0: 0.11142, math.sqrt(2): 0.20135}
X = torch.tensor([[-1.0], [1.0]])


def same(weight=1.0):
    linear = nn.Linear(1, 1)
    with torch.no_grad():
        linear.weight.fill_(weight)
        linear.bias.zero_()
    return linear


class Net(nn.Module):
    """A forward pass as a function of the modules and x."""

    def __init__(self, forward, *modules):
        super().__init__()
        self.layers = nn.ModuleList(modules)
        self.function = forward

    def forward(self, x):
        return self.function(self.layers, x)


def holds(network, truth, x=X, layer=1, **settings):
    """The interval of ``layer`` holds ``truth``, data and generator are left as they were."""
    before = copy.deepcopy(x), torch.get_rng_state()
    found = mutual_information(network, x, layer=layer, target_width=0.03, **settings)
    assert found.lower <= truth + 1e-5
    assert truth - 1e-5 <= found.upper
    assert found.upper - found.lower < 0.05
    assert np.array_equal(np.asarray(x), np.asarray(before[0]))
    assert torch.equal(torch.get_rng_state(), before[1])


def refused(network, x, *sentences, layer=1):
    before = copy.deepcopy(x), torch.get_rng_state()
    with pytest.raises(UnmeasurableError) as caught:
        mutual_information(network, x, layer=layer)
    for sentence in sentences:
        assert sentence in str(caught.value)
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, ValueError)
    assert np.array_equal(np.asarray(x), np.asarray(before[0]))
    assert torch.equal(torch.get_rng_state(), before[1])


# values that are overwritten after they were recorded


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


# randomness that is not ours

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


# rows that are not inputs

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


# layers that are not the same for all inputs

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


# number types and devices


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


# channels that do something else


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


# values that the network does not go on with


class InPlace(nn.Module):
    """Calls a module that works in place and takes no notice of what it returns."""

    def __init__(self):
        super().__init__()
        self.first, self.relu, self.second = same(), nn.ReLU(inplace=True), same()
        self.last = nn.Tanh()

    def forward(self, x):
        h = self.first(x)
        self.relu(h)
        return self.last(self.second(h))


GOES_ON = "the network goes on without what comes out of its channel"


def test_noise_that_is_not_passed_on():
    noisy = with_noise(InPlace(), beta=0.5, after=(nn.ReLU, nn.Tanh))
    refused(noisy, X, "layer 1 (relu)", GOES_ON)
    refused(noisy, X, "layer 1 (relu)", GOES_ON, layer=2)

    def forgotten(modules, x):
        h = modules[0](x)
        modules[1](h)
        return modules[2](h)

    refused(Net(forgotten, same(), GaussianNoise(0.5), GaussianNoise(0.5)), X, GOES_ON)

    def final_state(modules, x):
        return modules[1](modules[0](x)[1][0][0])

    network = Net(final_state, nn.LSTM(3, 2, batch_first=True), nn.Linear(2, 1))
    noisy = with_noise(network, beta=0.5, after=(nn.LSTM, nn.Linear))
    refused(noisy, torch.randn(5, 4, 3), "layer 1 (layers.0)", GOES_ON)


class Keeps(nn.Module):
    def __init__(self):
        super().__init__()
        self.noise, self.kept = GaussianNoise(0.5), None

    def forward(self, x):
        self.kept = [self.noise(x)]
        return x


@pytest.mark.parametrize(
    "network",
    [
        Keeps(),
        Net(lambda m, x: m[0](x).numpy(), GaussianNoise(0.5)),
        Net(lambda m, x: {"logits": x, "hidden": (m[0](x),)}, GaussianNoise(0.5)),
        Net(lambda m, x: torch.from_numpy(np.tanh(m[0](x).numpy())), GaussianNoise(0.5)),
        Net(lambda m, x: torch.vmap(torch.sin)(m[0](x)), GaussianNoise(0.5)),
        Net(lambda m, x: m[0](x).tolist(), GaussianNoise(0.5)),
        Net(lambda m, x: m[0](x)[0], GaussianNoise(0.5)),
    ],
)
def test_what_becomes_of_the_noise_is_the_networks_affair(network):
    holds(network, J[0.5])


# what passes leave behind


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
