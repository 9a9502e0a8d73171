"""S and T of every hidden layer, for any ``nn.Module`` that contains noise channels."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ib_runner.networks.noise import NoiseChannel


class Hidden(NamedTuple):
    """One layer's representations, [n, …] each: T = S + Z."""

    s: Tensor
    t: Tensor


@contextmanager
def noise_on(network: nn.Module, on: bool = True) -> Iterator[None]:
    """The noise channels ``on`` and nothing else: batch norm, dropout and the like in eval mode.

    Afterwards every module is in its own mode again.
    """
    before = {module: module.training for module in network.modules()}
    network.eval()
    for module in before:
        if isinstance(module, NoiseChannel):
            module.train(on)
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


class _Recorder:
    """Forward hooks that record what passes each channel, in forward order."""

    def __init__(self, network: nn.Module, last: int | None):
        self.channels: list[NoiseChannel] = []
        self.hidden: list[Hidden] = []
        self.last = last
        self.handles = [
            module.register_forward_hook(self._hook)
            for module in network.modules()
            if isinstance(module, NoiseChannel)
        ]
        if not self.handles:
            raise ValueError(
                f"{type(network).__name__} has no noise channel: put a GaussianNoise, "
                "DropoutNoise or NoNoise behind every hidden layer"
            )

    def _hook(self, channel: NoiseChannel, inputs: tuple[Tensor], output: Tensor) -> None:
        self.channels.append(channel)
        self.hidden.append(Hidden(inputs[0], output))
        if self.last is not None and len(self.hidden) == self.last:
            raise _LastLayerReached


class _LastLayerReached(Exception):  # noqa: N818 - ends a forward pass early
    pass


def _record(network: nn.Module, x: Tensor, last: int | None, noise: bool) -> _Recorder:
    recorder = _Recorder(network, last)
    try:
        with torch.no_grad(), noise_on(network, noise):
            network(x)
    except _LastLayerReached:
        pass
    finally:
        for handle in recorder.handles:
            handle.remove()
    return recorder


def hidden_layers(
    network: nn.Module, x: Tensor, *, noise: bool, last: int | None = None
) -> list[Hidden]:
    """S and T of layers 1, 2, … for one forward pass of ``x`` [n, …].

    The noise is drawn from torch's global generator, or off; everything else is as in eval mode,
    whatever mode ``network`` is in. ``last`` ends the pass behind that layer. No gradients.
    """
    return _record(network, x, last, noise).hidden


def channels(network: nn.Module, x: Tensor) -> list[NoiseChannel]:
    """The noise channels in forward order, found by one pass of ``x``: the k-th is layer k."""
    return _record(network, x, None, noise=False).channels
