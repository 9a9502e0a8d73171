import pytest
import torch
from torch import nn

from ib_runner.errors import UnmeasurableError
from ib_runner.networks import FCN, GaussianNoise, NoNoise, channels, hidden_layers, noise_on


class Branching(nn.Module):
    """Two branches that meet, written by a user: channels are declared out of forward order."""

    def __init__(self):
        super().__init__()
        self.third = GaussianNoise(0.3)
        self.first = GaussianNoise(0.1)
        self.second = GaussianNoise(0.2)
        self.left = nn.Linear(3, 4)
        self.right = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(4)
        self.out = nn.Linear(6, 2)

    def forward(self, x):
        left = self.first(torch.tanh(self.norm(self.left(x))))
        right = self.second(torch.relu(self.right(x)))
        return self.out(self.third(torch.cat([left, right], 1)))


def test_layers_of_a_users_module_come_in_forward_order():
    network = Branching().eval()
    x = torch.randn(20, 3)
    assert [channel.beta for channel in channels(network, x)] == [0.1, 0.2, 0.3]
    hidden = hidden_layers(network, x, noise=False)
    assert [tuple(layer.s.shape) for layer in hidden] == [(20, 4), (20, 2), (20, 6)]
    assert torch.equal(hidden[0].s, torch.tanh(network.norm(network.left(x))))
    assert torch.equal(hidden[2].s, torch.cat([hidden[0].t, hidden[1].t], 1))
    assert all(torch.equal(layer.s, layer.t) for layer in hidden)
    assert not any(layer.t.requires_grad for layer in hidden)


def test_noise_reaches_t_and_the_layers_above():
    torch.manual_seed(0)
    network = Branching().eval()
    x = torch.randn(5000, 3)
    clean = hidden_layers(network, x, noise=False)
    noisy = hidden_layers(network, x, noise=True)
    for layer, beta in zip(noisy, (0.1, 0.2, 0.3), strict=True):
        assert (layer.t - layer.s).std().item() == pytest.approx(beta, rel=0.05)
    assert torch.equal(noisy[0].s, clean[0].s)
    assert not torch.equal(noisy[2].s, clean[2].s)


def test_noise_on_leaves_everything_else_in_eval_mode():
    network = Branching().eval()
    mean = network.norm.running_mean.clone()
    hidden_layers(network, torch.randn(20, 3), noise=True)
    assert torch.equal(network.norm.running_mean, mean)
    with noise_on(network):
        assert network.first.training
        assert not network.norm.training
    assert not network.first.training


@pytest.mark.parametrize("noise", [False, True])
def test_the_networks_own_mode_does_not_matter_and_is_left(noise):
    torch.manual_seed(0)
    network = Branching().eval()
    x = torch.randn(20, 3)
    network.norm(network.left(x))
    with torch.random.fork_rng():
        expected = hidden_layers(network, x, noise=noise)
    network.train()
    network.second.eval()
    mean = network.norm.running_mean.clone()
    state = torch.get_rng_state()
    found = hidden_layers(network, x, noise=noise)
    assert all(torch.equal(a.t, b.t) for a, b in zip(found, expected, strict=True))
    assert torch.equal(network.norm.running_mean, mean)
    assert [m.training for m in (network.norm, network.first, network.second)] == [
        True,
        True,
        False,
    ]
    assert noise or torch.equal(torch.get_rng_state(), state)


def test_last_ends_the_pass_and_leaves_no_hooks():
    network = FCN(3, 2, [4, 5], "tanh", NoNoise).eval()
    x = torch.randn(7, 3)
    assert len(hidden_layers(network, x, noise=False, last=1)) == 1
    assert network(x).shape == (7, 2)
    assert not any(module._forward_hooks for module in network.modules())


def test_hooks_go_when_the_pass_fails():
    network = FCN(3, 2, [4], "tanh", NoNoise)
    with pytest.raises(UnmeasurableError, match=r"FCN does not take inputs of shape \[7, 99\]"):
        hidden_layers(network, torch.randn(7, 99), noise=False)
    assert not any(module._forward_hooks for module in network.modules())


def test_a_network_without_channels_is_told_what_to_do():
    with pytest.raises(ValueError, match="Sequential has no noise channel: put a GaussianNoise"):
        hidden_layers(nn.Sequential(nn.Linear(3, 2)), torch.randn(7, 3), noise=False)
