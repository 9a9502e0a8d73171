"""Fully connected networks with a noise channel behind every hidden layer (Fig. 2 of the paper)."""

from collections.abc import Callable, Sequence
from typing import Annotated

from torch import nn

from ib_runner.networks.activations import activation as new_activation
from ib_runner.networks.noise import NoiseChannel
from ib_runner.rules import ACTIVATION, WIDTHS


class FCN(nn.Sequential):
    """Linear, activation, noise for each of ``widths``; then a linear output layer without noise.

    ``noise()`` makes a new channel. PyTorch's default initialisation, U(±1/√fan_in), is kept.
    Input [n, n_inputs], output [n, n_outputs].
    """

    #: the key whose list has one value for every hidden layer
    depth = "widths"

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        widths: Annotated[Sequence[int], WIDTHS],
        activation: Annotated[str, ACTIVATION],
        noise: Callable[[], NoiseChannel],
    ):
        layers: list[nn.Module] = []
        fan_in = n_inputs
        for width in widths:
            layers += [nn.Linear(fan_in, width), new_activation(activation), noise()]
            fan_in = width
        layers.append(nn.Linear(fan_in, n_outputs))
        super().__init__(*layers)
