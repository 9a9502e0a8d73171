"""The preconditions under which a network's certified intervals are valid, checked before any work.

The proof assumes that S of layer 1 is a function of x, that all randomness is that of the noise
channels, and that each row is one input, computed independently of the others in its batch. A few
forward passes with a few inputs find networks for which this does not hold.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ib_runner.datasets.arrays import as_inputs
from ib_runner.errors import UnmeasurableError
from ib_runner.networks import generators
from ib_runner.networks.behind import channels_behind
from ib_runner.networks.fitted_inputs import fitted, precision
from ib_runner.networks.hidden import reason_of, record, unwrapped
from ib_runner.networks.noise import GaussianNoise, NoiseChannel
from ib_runner.networks.plain_chain import CHANNELS
from ib_runner.networks.trial import NOBODYS_SEED, Trial, some_rows
from ib_runner.threads import one_thread


@dataclass(frozen=True)
class Measurable:
    """A ``network`` on the CPU, the inputs ``x`` [N, …] in the type that it takes, and its layers.

    Layer k is the k-th of ``channels``, with units of shape ``shapes[k − 1]``. ``precision`` is
    float64 where any layer is computed in float64, else float32. ``trusted``: it has plain layers
    only, and was not tried.
    """

    network: nn.Module
    x: Tensor
    channels: list[NoiseChannel]
    shapes: list[torch.Size]
    precision: torch.dtype
    trusted: bool = False


def measurable(network: nn.Module, x: Any, *, trusted: bool = False) -> Measurable:
    """``network`` and ``x`` in the form in which they are measured.

    ``trusted``: the network has plain layers only, so that the trial passes can be left out. Raises
    ``UnmeasurableError`` naming the layer where a precondition fails. The global random generators
    and the network's modes, weights and buffers are left as they were.
    """
    network, x = unwrapped(network), as_inputs(x)
    precision(network)
    network = _on_cpu(network)
    _check_channels(network)
    with generators.left_alone(), one_thread(), torch.device("cpu"):
        generators.seed_cpu(NOBODYS_SEED)
        with nullcontext() if trusted else _kept(network):
            x = fitted(network, x, trusted=trusted)
            rows = x[some_rows(x)]
            first = record(network, rows, None, noise=False)
            if not trusted:
                Trial(network, rows, first, channel_names(network)).run()
    dtypes = [h.s.dtype for h in first.hidden]
    return Measurable(
        network,
        x,
        first.channels,
        [h.s.shape[1:] for h in first.hidden],
        torch.float64 if torch.float64 in dtypes else torch.float32,
        trusted,
    )


def channel_names(network: nn.Module) -> dict[NoiseChannel, tuple[str, bool]]:
    """The name of each channel, and whether that is the name of the module in front of it.

    The latter holds for channels of ``with_noise``.
    """
    names: dict[NoiseChannel, tuple[str, bool]] = {}
    for name, module in network.named_modules():
        names |= dict.fromkeys(channels_behind(module), (name, True))
        if isinstance(module, NoiseChannel):
            names.setdefault(module, (name, False))
    return names


def _on_cpu(network: nn.Module) -> nn.Module:
    tensors = (*network.parameters(), *network.buffers())
    if all(tensor.device.type == "cpu" for tensor in tensors):
        return network
    return copy.deepcopy(network).cpu()


@contextmanager
def _kept(network: nn.Module) -> Iterator[None]:
    """Restore the weights and buffers of ``network`` after the block.

    Raises ``UnmeasurableError`` naming a weight or buffer that the block's forward passes changed.
    """
    before = [
        (tensors, name, tensor, tensor.detach().clone())
        for module in network.modules()
        for tensors in (module._parameters, module._buffers)
        for name, tensor in tensors.items()
        if tensor is not None
    ]
    changed = ""
    try:
        yield
    finally:
        for tensors, name, tensor, value in before:
            if tensors.get(name) is not tensor or not _same(tensor.detach(), value):
                tensor.data = value
                tensors[name] = tensor
                changed = name
    if changed:
        raise UnmeasurableError(
            f"{type(network).__name__}: a forward pass in eval mode changes {changed}: "
            "what a layer gives must not depend on earlier passes"
        )


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def _check_channels(network: nn.Module) -> None:
    """Raise ``UnmeasurableError`` for a subclass of a noise channel with a forward of its own."""
    for name, module in network.named_modules():
        if not isinstance(module, NoiseChannel):
            continue
        for kind in CHANNELS:
            own = type(module).forward is not kind.forward or "forward" in vars(module)
            if isinstance(module, kind) and own:
                raise UnmeasurableError(
                    f"{name}: {type(module).__name__} has a forward pass of its own, whose noise "
                    f"is not known to be {kind.__name__}'s; derive it from NoiseChannel"
                )
        if isinstance(module, GaussianNoise):
            try:
                GaussianNoise(module.beta)
            except (TypeError, ValueError, RuntimeError) as error:
                raise UnmeasurableError(f"{name}: {reason_of(error)}") from error
