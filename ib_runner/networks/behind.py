"""``with_noise``: noise channels behind modules of any network, without editing its class."""

import copy
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from ib_runner.errors import UnmeasurableError
from ib_runner.networks.hidden import reason_of, unwrapped
from ib_runner.networks.noise import GaussianNoise, NoiseChannel

#: prefix of the attributes in which a module keeps a noise channel, the one behind itself or one
#: behind a module inside it
_KEPT_AS = "channel_behind"
#: containers, which run all of their children and so cannot keep a channel as a child
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_NEVER_CALLED = _CONTAINERS[1:]
#: modules that return a tuple, whose first entry is the representation
_FIRST_OF_TUPLE = (nn.RNNBase, nn.MultiheadAttention)

Place = type[nn.Module] | str


class Behind:
    """A forward hook that sends its module's output through ``channel``.

    Of the tuple that recurrent and attention layers return, only the first entry gets noise; the
    final state h_n of a recurrent layer does not.
    """

    def __init__(self, channel: NoiseChannel):
        self.channel = channel

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple) and isinstance(module, _FIRST_OF_TUPLE):
            return self(module, inputs, output[0]), *output[1:]
        if not isinstance(output, Tensor):
            raise UnmeasurableError(
                f"{type(module).__name__} gives a {type(output).__name__}: noise can only be put "
                "behind modules that give one tensor"
            )
        return self.channel(output)


def with_noise(
    network: nn.Module, beta: float = 0.1, after: Place | Sequence[Place] = ()
) -> nn.Module:
    """A copy of ``network`` with a channel T = S + N(0, ``beta``²) behind each module of ``after``.

    ``after``: types of modules (``nn.ReLU``), names as ``network.named_modules()`` has them
    ("encoder.layer3"), or regular expressions for whole names ("re:encoder\\\\.layer\\\\d"). A
    module that is called several times makes a layer at each call. ``network`` and its class stay
    unchanged; the copy has the same class, modules, names and state dict. ``beta`` is in the unit
    of S. ``describe`` shows the layers of the copy.

    Raises ``UnmeasurableError`` where ``after`` matches no module, or one that has a channel
    already or is never called, and where the network cannot be copied.
    """
    noisy = _copied(unwrapped(network))
    places = [after] if isinstance(after, type | str) else list(after)
    if not places:
        raise UnmeasurableError(
            "after: give types or names of the modules behind which to put noise, such as nn.ReLU"
        )
    chosen: dict[nn.Module, str] = {}
    for place in places:
        for name, module in _matching(noisy, place):
            chosen.setdefault(module, name)
    for module, name in chosen.items():
        _put_behind(noisy, module, name, GaussianNoise(beta))
    return noisy


def channels_behind(module: nn.Module) -> list[NoiseChannel]:
    """The channels that ``with_noise`` has put behind ``module``."""
    return [hook.channel for hook in module._forward_hooks.values() if isinstance(hook, Behind)]


def in_order(network: nn.Sequential) -> list[nn.Module]:
    """The modules of ``network``, each followed by the channels behind it."""
    return [one for module in network for one in (module, *channels_behind(module))]


def _copied(network: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(network)
    except Exception as error:  # a user's module may raise anything
        raise UnmeasurableError(
            f"{type(network).__name__} cannot be copied: {reason_of(error)}"
        ) from error


def _matching(network: nn.Module, place: Place) -> Iterator[tuple[str, nn.Module]]:
    modules = {
        name: module
        for name, module in network.named_modules(remove_duplicate=False)
        if not isinstance(module, NoiseChannel)
    }
    found = [(name, module) for name, module in modules.items() if _is(place, name, module)]
    if found:
        return iter(found)
    if isinstance(place, str):
        close = difflib.get_close_matches(place.removeprefix("re:"), modules, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {_some(filter(None, modules))}"
    else:
        hint = f"there are {_some(sorted({type(m).__name__ for m in modules.values()}))}"
    shown = place if isinstance(place, str) else place.__name__
    raise UnmeasurableError(f"after={shown}: no module of the network; {hint}")


def _is(place: Place, name: str, module: nn.Module) -> bool:
    if isinstance(place, str):
        if not place.startswith("re:"):
            return name == place
        try:
            return re.fullmatch(place.removeprefix("re:"), name) is not None
        except re.error as error:
            raise UnmeasurableError(f"after={place}: not a regular expression: {error}") from error
    if not (isinstance(place, type) and issubclass(place, nn.Module)) or place is nn.Module:
        raise UnmeasurableError(
            f"after={place!r}: a kind of module such as nn.ReLU, or a name, is needed"
        )
    return isinstance(module, place)


def _put_behind(network: nn.Module, module: nn.Module, name: str, channel: NoiseChannel) -> None:
    if channels_behind(module):
        raise UnmeasurableError(f"after={name}: there is a noise channel behind it already")
    if isinstance(module, _NEVER_CALLED):
        raise UnmeasurableError(
            f"after={name}: a {type(module).__name__} is never called; name the modules in it"
        )
    keeper = _keeper(network, module)
    keeper.add_module(f"{_KEPT_AS}_{len(list(keeper.children()))}", channel)
    module.register_forward_hook(Behind(channel))


def _keeper(network: nn.Module, module: nn.Module) -> nn.Module:
    """The module whose child the channel behind ``module`` becomes, so that modes reach it.

    It must have no children, as it might run all of them: ``module`` itself, else one inside it,
    else any in the network.
    """
    for candidate in (*module.modules(), *network.modules()):
        if not isinstance(candidate, (*_CONTAINERS, NoiseChannel)) and all(
            isinstance(child, NoiseChannel) for child in candidate.children()
        ):
            return candidate
    raise UnmeasurableError(f"{type(network).__name__} has no module that could keep a channel")


def _some(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
