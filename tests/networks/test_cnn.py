"""The CNN of section 8.3: shapes, parameters, initial weights, the layers of the figures."""

from functools import partial

import pytest
import torch
from torch import nn

from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise, hidden_layers
from ib_runner.networks.cnn import BLOCK, CNN

CONDITIONS = [NoNoise, partial(GaussianNoise, 0.1), partial(DropoutNoise, 0.2)]


def network(noise=NoNoise, seed: int = 0) -> CNN:
    torch.manual_seed(seed)
    return CNN(1, 10, noise)


def images(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(1))


def test_parameters():
    convolutions = (5 * 5 * 1 + 1) * 16 + (5 * 5 * 16 + 1) * 32
    connected = (1568 + 1) * 128 + (128 + 1) * 10
    norms = 2 * (16 + 32 + 128)
    assert sum(p.numel() for p in network().parameters()) == convolutions + connected + norms
    assert [m.weight.shape for m in network() if isinstance(m, nn.Linear)] == [
        (128, 1568),
        (10, 128),
    ]


def test_channels_are_before_pooling():
    hidden = hidden_layers(network().eval(), images(3), noise=False)
    assert [layer.t.shape[1:] for layer in hidden] == [(16, 28, 28), (32, 14, 14), (128,)]


@pytest.mark.parametrize("noise", CONDITIONS)
def test_the_seed_gives_the_same_initial_weights_in_every_condition(noise):
    ours, other, another = network(noise).state_dict(), network().state_dict(), network(seed=1)
    assert ours.keys() == other.keys()
    assert all(torch.equal(ours[name], other[name]) for name in ours)
    assert not torch.equal(ours["0.weight"], another.state_dict()["0.weight"])


def test_default_initialisation():
    for module in network():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = module.weight[0].numel() ** -0.5
            assert 0.9 * bound < module.weight.abs().max() <= bound
            assert module.bias.abs().max() <= bound


def test_representations_are_the_layers_of_section_8_3():
    net = network(CONDITIONS[1]).eval()
    x = images(BLOCK + 2)
    layers = net.representations(x)
    assert [layer.shape for layer in layers] == [(BLOCK + 2, d) for d in (3136, 1568, 128, 10)]
    modules = list(net)
    with torch.no_grad():
        after_pool = nn.Sequential(*modules[:5])(x[-2:])
        after_second_pool = nn.Sequential(*modules[5:10])(after_pool)
        after_tanh = nn.Sequential(*modules[10:14])(after_second_pool)
        logits = net(x[-2:])
    expected = [after_pool.flatten(1), after_second_pool.flatten(1), after_tanh, logits]
    for layer, value in zip(layers, expected, strict=True):
        torch.testing.assert_close(layer[-2:], value, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("noise", CONDITIONS)
def test_test_time_is_deterministic(noise):
    noisy, clean = network(noise).eval(), network().eval()
    torch.testing.assert_close(noisy(images(4)), clean(images(4)), atol=0, rtol=0)
    noisy.train(), clean.train()
    same = torch.equal(noisy(images(4)), clean(images(4)))
    assert same == (noise is NoNoise)
