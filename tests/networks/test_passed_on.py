"""A network that does not use the noisy output of a channel is refused."""

import numpy as np
import pytest
import torch
from networks_of_others import J, Net, X, holds, refused, same
from torch import nn

from ib_runner.networks import GaussianNoise, with_noise


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
