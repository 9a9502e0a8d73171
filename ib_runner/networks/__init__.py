"""Noisy networks: noise channels, example networks, and access to any network's hidden layers."""

from ib_runner.networks.behind import with_noise
from ib_runner.networks.describe import describe
from ib_runner.networks.fcn import FCN
from ib_runner.networks.hidden import Hidden, channels, hidden_layers, noise_on
from ib_runner.networks.noise import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise

__all__ = [
    "FCN",
    "DropoutNoise",
    "GaussianNoise",
    "Hidden",
    "NoNoise",
    "NoiseChannel",
    "channels",
    "describe",
    "hidden_layers",
    "noise_on",
    "with_noise",
]
