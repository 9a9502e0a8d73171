"""The network of a recorded run.

A recorded run's configuration has the ``_target_`` ``recorded_network``: the network that this
process was given, or else the one that the user's factory builds.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any
from weakref import WeakValueDictionary

from torch import nn

from ib_runner.errors import UsageError
from ib_runner.networks.hidden import unwrapped
from ib_runner.networks.noise import NoiseChannel

#: networks that recorders or ``open_run`` were given in this process, by key
_AT_HAND: WeakValueDictionary[str, nn.Module] = WeakValueDictionary()


def keep_at_hand(key: str, network: nn.Module) -> None:
    """Let :func:`recorded_network` find ``network`` in this process, without keeping it alive."""
    _AT_HAND[key] = unwrapped(network)


def recorded_network(
    n_inputs: int,
    n_outputs: int,
    noise: Callable[[], NoiseChannel],
    key: str,
    built: nn.Module | None = None,
) -> nn.Module:
    """A copy, on the CPU, of this process's network ``key``, or else the ``built`` network.

    ``n_inputs`` and ``n_outputs`` are ignored. Raises ``UsageError`` where there is no network, and
    where ``noise`` has another level than the network's own channels.
    """
    network = _AT_HAND.get(key, built)
    if network is None:
        raise UsageError(
            "network: this run was recorded by a program of your own, and this process cannot "
            "build its network.\nGive it, ib_runner.open_run(PATH, network=…).measure(), or record "
            'with factory="package.function" (and arguments={…}), which builds it again.'
        )
    network = deepcopy(network).cpu()
    level = common_level(network)
    if level is not None and noise().beta != level:
        raise UsageError(
            f"noise.beta={noise().beta}: the network's own channels have {level}; a recorded run "
            "is measured at its own noise level."
        )
    return network


def common_level(network: nn.Module) -> float | None:
    """The noise level that all channels of ``network`` have; None where they differ."""
    levels = {module.beta for module in network.modules() if isinstance(module, NoiseChannel)}
    return levels.pop() if len(levels) == 1 else None


def check_weights(network: nn.Module, weights: Mapping[str, Any], what: str) -> None:
    """Raise ``UsageError`` where ``weights`` differ in names or shapes from those of ``network``.

    ``what`` begins the message.
    """
    own = network.state_dict()
    missing, foreign = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or foreign:
        words = [f"it lacks {missing[0]}"] * bool(missing)
        words += [f"the network has no {foreign[0]}"] * bool(foreign)
        raise UsageError(f"{what}: weights of another network: {', and '.join(words)}.")
    for name, tensor in own.items():
        shape = getattr(weights[name], "shape", None)
        if shape != tensor.shape:
            raise UsageError(
                f"{what}: weights of another network: {name} has shape "
                f"{None if shape is None else list(shape)}, the network's {list(tensor.shape)}."
            )
