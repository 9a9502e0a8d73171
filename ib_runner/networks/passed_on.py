"""Whether a network uses the noisy outputs T of its channels."""

import weakref
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from ib_runner.errors import raise_interruption_behind
from ib_runner.networks.hidden import noise_on, plain_conditions
from ib_runner.networks.noise import NoiseChannel
from ib_runner.networks.watched import OperationsWatched


def dropped(network: nn.Module, x: Tensor) -> list[bool]:
    """For each channel call of one pass of ``x`` [n, …], whether its T was dropped.

    T counts as dropped where nothing is computed from it and the output does not include it, as
    where a forward pass calls ``channel(h)`` without using the result.
    """
    seen = _Seen()
    handles = [
        module.register_forward_hook(seen.add)
        for module in network.modules()
        if isinstance(module, NoiseChannel)
    ]
    try:
        with plain_conditions(), noise_on(network), _Functions(seen), _Operations(seen):
            output = network(x.detach().clone())  # keeps alive any T that is part of the output
        found = [not used and value() is None for value, used in seen.values]
        del output
        return found
    except Exception as error:  # some networks fail under torch's modes: nothing is known of them
        raise_interruption_behind(error)
        return []
    finally:
        for handle in handles:
            handle.remove()


class _Seen:
    """Weak references to the T of all channel calls, and whether anything used each of them."""

    def __init__(self) -> None:
        self.values: list[tuple[weakref.ref[Tensor], bool]] = []

    def add(self, channel: NoiseChannel, args: tuple, t: Tensor) -> None:
        self.values.append((weakref.ref(t), False))

    def use(self, *arguments: Any) -> None:
        given = {id(one) for one in tree_leaves(arguments) if isinstance(one, Tensor)}
        self.values = [
            (value, used or (value() is not None and id(value()) in given))
            for value, used in self.values
        ]


class _Watching:
    """A torch mode that reports the arguments of every call to ``seen``."""

    def __init__(self, seen: _Seen):
        super().__init__()
        self.seen = seen

    def call(self, func, args, kwargs):
        self.seen.use(args, kwargs)
        return func(*args, **(kwargs or {}))


class _Functions(_Watching, TorchFunctionMode):
    """Calls from Python, such as ``t.numpy()``."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return self.call(func, args, kwargs)


class _Operations(_Watching, OperationsWatched):
    """Operations of torch's compiled code."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.call(func, args, kwargs)
