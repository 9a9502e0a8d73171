"""The argument of a measurement: one checkpoint of one run, and the inputs to measure on.

Most networks are measured where their noise is: layer k is T of the k-th channel. A network with
a method ``representations`` (x [n, …] to a list of layers [n, d], here in eval mode) says itself
what its layers are, as the CNN does for the figures' layers, which lie behind pooling.
"""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import pandas as pd
import torch
from torch import Tensor, nn

from ib_runner.datasets import Split
from ib_runner.datasets.arrays import as_inputs
from ib_runner.measurements.layers import channel_rows
from ib_runner.networks.activations import BOUNDS
from ib_runner.networks.fitted_inputs import fitted, in_double
from ib_runner.networks.hidden import hidden_layers, unwrapped
from ib_runner.networks.noise import NoiseChannel
from ib_runner.networks.preconditions import Measurable, measurable
from ib_runner.seeds import stream_seed
from ib_runner.tables.layers import Layers


@runtime_checkable
class SaysItsLayers(Protocol):
    """A network that says itself what its layers are."""

    def representations(self, x: Tensor) -> list[Tensor]:
        """Layers 1, 2, … [n, d] of ``x`` [n, …], as the network's mode has it."""
        ...


@dataclass
class Snapshot:
    """A network (eval mode) with the weights of ``epoch`` and the inputs to measure on.

    ``seed`` is the run's; every random number is a function of it, the epoch and a purpose.
    """

    epoch: int
    network: nn.Module
    inputs: Split
    seed: int
    #: where passes without noise are made; results come back to the CPU
    device: str | torch.device = "cpu"

    def stream(self, purpose: str) -> int:
        """The seed for ``purpose`` at this epoch."""
        return stream_seed(self.seed, purpose, self.epoch)

    @cached_property
    def channels(self) -> list[NoiseChannel]:
        """The noise channels; the k-th is layer k + 1."""
        return self._measurable.channels

    @property
    def noisy(self) -> bool:
        """Whether representations are noisy ones: any channel adds noise, and they are taken there.

        A network's own ``representations`` are without noise.
        """
        return not isinstance(self.network, SaysItsLayers) and any(
            channel.beta > 0 or channel.p > 0 for channel in self.channels
        )

    @cached_property
    def layers(self) -> Layers:
        """What this network's layers are: noise and ranges."""
        return Layers(pd.DataFrame(channel_rows(self.network, self.inputs.x)))

    def bounds(self, layer: int, activation: str | None = None) -> tuple[float, float] | None:
        """The closed range of S of ``layer``, if it has one: as the network shows it, or, where
        the settings name it, that of ``activation``.
        """
        if activation is not None:
            return BOUNDS.get(activation)
        return None if isinstance(self.network, SaysItsLayers) else self.layers.bounds(layer)

    @cached_property
    def representations(self) -> list[Tensor]:
        """Layer 0 (the input) and every layer, [N, d] float64, one pass for each input.

        In float64, because saturated units differ by less than float32 resolves.
        """
        return self.represent(self.inputs.x, torch.float64, noise=self.noisy)

    def represent(self, x: Tensor, dtype: torch.dtype, *, noise: bool = False) -> list[Tensor]:
        """Layer 0 (``x`` itself) and every layer of inputs ``x`` [n, …]: [n, d] of ``dtype``.

        A network that casts in its forward pass computes as it does, and the layers are cast.
        """
        network = unwrapped(self.network)
        if isinstance(network, SaysItsLayers):
            network = copy.deepcopy(network).to(self.device, dtype)
            found = network.representations(x.to(self.device, dtype))
            layers = [x, *(layer.cpu() for layer in found)]
        else:
            x = self._measurable.x if x is self.inputs.x else fitted(network, as_inputs(x))
            if dtype == torch.float64:
                network, x = in_double(network, x)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.stream("representations"))
                layers = [x, *(layer.t for layer in hidden_layers(network, x, noise=noise))]
        return [layer.to(dtype).reshape(len(x), -1) for layer in layers]

    @cached_property
    def _measurable(self) -> Measurable:
        return measurable(self.network, self.inputs.x)
