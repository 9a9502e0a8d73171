"""Plain chains: Linear, activation, noise channel, one after another, behind at most a Flatten.

Compiled kernels train and sample such networks; every other network takes PyTorch's own passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from ib_runner.networks.altered import is_altered
from ib_runner.networks.behind import channels_behind, in_order
from ib_runner.networks.noise import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise

ACTIVATIONS = (nn.Identity, nn.Tanh, nn.ReLU, nn.LeakyReLU)
CHANNELS = (NoNoise, GaussianNoise, DropoutNoise)


@dataclass(frozen=True)
class Stage:
    """A linear layer with what follows it: an activation, and a noise channel or None."""

    linear: nn.Linear
    activation: nn.Module
    channel: NoiseChannel | None


@dataclass(frozen=True)
class PlainChain:
    """The plain ``stages`` with which a network begins, and the modules after them, ``rest``.

    ``flattens``: before the first stage, an ``nn.Flatten`` makes a row of each input.
    """

    stages: list[Stage]
    rest: list[nn.Module]
    flattens: bool = False

    @property
    def hidden(self) -> list[Stage] | None:
        """The stages up to the last noise channel, if every one has its own; None otherwise."""
        channels = [stage.channel is not None for stage in self.stages]
        n_hidden = sum(channels)
        behind = any(isinstance(m, NoiseChannel) for one in self.rest for m in one.modules())
        if behind or n_hidden == 0 or not all(channels[:n_hidden]):
            return None
        return self.stages[:n_hidden]


def plain_chain(network: nn.Module) -> PlainChain | None:
    """``network`` as a plain chain, or None.

    It must be an ``nn.Sequential`` whose modules have no hooks but those of ``with_noise``, and no
    ``forward`` of their own.
    """
    if not isinstance(network, nn.Sequential) or type(network).forward is not nn.Sequential.forward:
        return None
    modules = in_order(network)
    put_behind = sum(len(channels_behind(module)) for module in network.modules())
    if is_altered(network, but_noise=True) or len(modules) != len(network) + put_behind:
        return None
    flattens = _next(modules, _makes_rows) is not None
    stages: list[Stage] = []
    while modules and type(modules[0]) is nn.Linear:
        linear = modules.pop(0)
        activation = _next(modules, _is_activation) or nn.Identity()
        stages.append(Stage(linear, activation, _next(modules, _is_channel)))
    return PlainChain(stages, modules, flattens)


def _next(modules: list[nn.Module], wanted: Callable[[nn.Module], bool]) -> nn.Module | None:
    return modules.pop(0) if modules and wanted(modules[0]) else None


def _makes_rows(module: nn.Module) -> bool:
    return type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1)


def _is_activation(module: nn.Module) -> bool:
    return type(module) in ACTIVATIONS


def _is_channel(module: nn.Module) -> bool:
    return type(module) in CHANNELS
