"""Whether a network goes on with what comes out of its channels."""

import weakref
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ib_runner.errors import raise_interruption_behind
from ib_runner.networks.hidden import noise_on, plain_conditions
from ib_runner.networks.noise import NoiseChannel


def dropped(network: nn.Module, x: Tensor) -> list[bool]:
    """For each channel call of one pass of ``x`` [n, …], whether its T went nowhere.

    Nothing was computed from it and it is not kept either: somebody calls a module that works in
    place, or a channel, and takes no notice of what it returns.
    """
    seen = _Seen()
    handles = [
        module.register_forward_hook(seen.add)
        for module in network.modules()
        if isinstance(module, NoiseChannel)
    ]
    try:
        with plain_conditions(), noise_on(network), _Functions(seen), _Operations(seen):
            output = network(x.detach().clone())  # what is part of it is alive
        found = [not used and value() is None for value, used in seen.values]
        del output
        return found
    except Exception as error:  # others may not run while they are watched
        raise_interruption_behind(error)
        return []
    finally:
        for handle in handles:
            handle.remove()


class _Seen:
    """The values T of channel calls, weakly, and whether anything was computed from them."""

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
    """A mode of torch's that tells ``seen`` what every call is given."""

    def __init__(self, seen: _Seen):
        super().__init__()
        self.seen = seen

    def call(self, func, args, kwargs):
        self.seen.use(args, kwargs)
        return func(*args, **(kwargs or {}))


class _Functions(_Watching, TorchFunctionMode):
    """What Python calls, ``t.numpy()`` among it."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return self.call(func, args, kwargs)


class _Operations(_Watching, TorchDispatchMode):
    """What compiled code computes."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.call(func, args, kwargs)
