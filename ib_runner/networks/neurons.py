"""Neurons in series, a noise channel behind each: the smallest networks (Fig. 4 and 9)."""

from collections.abc import Callable, Sequence
from typing import Annotated

import torch
from torch import nn

from ib_runner.networks.activations import activation as new_activation
from ib_runner.networks.noise import NoiseChannel
from ib_runner.rules import ACTIVATION, NUMBERS


class Neurons(nn.Sequential):
    """T_ℓ = f(w_ℓ·T_{ℓ−1} + b_ℓ) + Z_ℓ, one neuron a layer; the last T is the output.

    ``weights`` and ``biases`` are the initial w_ℓ and b_ℓ, one of each for every layer. Input and
    output [n, 1]. Raises ``ValueError`` where their numbers differ or are 0, and where the data
    has more than one input or output.
    """

    #: the key whose list has one value for every layer
    depth = "weights"

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        weights: Annotated[Sequence[float], NUMBERS],
        biases: Annotated[Sequence[float], NUMBERS],
        activation: Annotated[str, ACTIVATION],
        noise: Callable[[], NoiseChannel],
    ):
        if (n_inputs, n_outputs) != (1, 1):
            raise ValueError(
                f"the data has {n_inputs} inputs and {n_outputs} outputs; neurons take one of each"
            )
        if len(weights) != len(biases) or not weights:
            raise ValueError(
                f"{len(weights)} weights and {len(biases)} biases: one of each is needed for every "
                "neuron"
            )
        layers: list[nn.Module] = []
        for weight, bias in zip(weights, biases, strict=True):
            linear = nn.Linear(1, 1)
            with torch.no_grad():
                linear.weight.fill_(weight)
                linear.bias.fill_(bias)
            layers += [linear, new_activation(activation), noise()]
        super().__init__(*layers)
