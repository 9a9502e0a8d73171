"""The argument of a measurement: one checkpoint of one run, and the inputs to measure on.

For most networks layer k is T of the k-th noise channel. A network with a method
``representations`` (from x [n, …] to a list of layers [n, d], in eval mode) defines its own layers,
as the CNN does for figures of layers behind pooling.
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
from ib_runner.information.sampling.sampler import measurable_network
from ib_runner.measurements.layers import channel_rows
from ib_runner.networks import generators
from ib_runner.networks.activations import BOUNDS
from ib_runner.networks.fitted_inputs import fitted, in_double
from ib_runner.networks.hidden import hidden_layers, unwrapped
from ib_runner.networks.noise import NoiseChannel
from ib_runner.networks.preconditions import Measurable
from ib_runner.seeds import stream_seed
from ib_runner.tables.layers import Layers


@runtime_checkable
class SaysItsLayers(Protocol):
    """A network that defines its layers by a method."""

    def representations(self, x: Tensor) -> list[Tensor]:
        """Layers 1, 2, … [n, d] of ``x`` [n, …], in the network's present mode."""
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
    #: device of the passes without noise; results are moved to the CPU
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
        """Whether ``representations`` contain noise: a channel has noise, and layers are its T.

        Layers from a network's own method ``representations`` are without noise.
        """
        return not isinstance(self.network, SaysItsLayers) and any(
            channel.beta > 0 or channel.p > 0 for channel in self.channels
        )

    @cached_property
    def layers(self) -> Layers:
        """The facts about this network's layers, such as noise and ranges."""
        return Layers(pd.DataFrame(channel_rows(self.network, self.inputs.x)))

    def bounds(self, layer: int, activation: str | None = None) -> tuple[float, float] | None:
        """The closed range of S of ``layer``, None where it is unbounded.

        That of ``activation`` where it is given, else as found from the network.
        """
        if activation is not None:
            return BOUNDS.get(activation)
        return None if isinstance(self.network, SaysItsLayers) else self.layers.bounds(layer)

    @cached_property
    def representations(self) -> list[Tensor]:
        """Layer 0 (the input) and every layer, [N, d] each, with one draw of noise for each input.

        In float64, because saturated units differ by less than float32 resolves.
        """
        return self.represent(self.inputs.x, torch.float64, noise=self.noisy)

    def represent(self, x: Tensor, dtype: torch.dtype, *, noise: bool = False) -> list[Tensor]:
        """Layer 0 (``x`` itself) and every layer of inputs ``x`` [n, …]: [n, d] of ``dtype``.

        Where a network casts to another type in its forward pass, only the results are cast.
        """
        network = unwrapped(self.network)
        if isinstance(network, SaysItsLayers):
            network = copy.deepcopy(network).to(self.device, dtype)
            found = network.representations(x.to(self.device, dtype))
            layers = [x, *(layer.cpu() for layer in found)]
        else:
            x = self._measurable.x if x is self.inputs.x else fitted(network, as_inputs(x))
            if dtype == torch.float64:
                network, x = in_double(network, x, trusted=self._measurable.trusted)
            with torch.random.fork_rng(devices=[]):
                generators.seed_cpu(self.stream("representations"))
                layers = [x, *(layer.t for layer in hidden_layers(network, x, noise=noise))]
        return [layer.to(dtype).reshape(len(x), -1) for layer in layers]

    @cached_property
    def _measurable(self) -> Measurable:
        return measurable_network(self.network, self.inputs.x)
