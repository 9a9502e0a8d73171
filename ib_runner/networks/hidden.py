"""S and T of every hidden layer, for any ``nn.Module`` that contains noise channels."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ib_runner.errors import UnmeasurableError, raise_interruption_behind
from ib_runner.networks import generators
from ib_runner.networks.noise import NoiseChannel


class Hidden(NamedTuple):
    """One layer's clean output S and noisy output T = S + Z, [n, …] each."""

    s: Tensor
    t: Tensor


@contextmanager
def noise_on(network: nn.Module, on: bool = True) -> Iterator[None]:
    """Within the block, noise channels are ``on`` or off, and all other modules in eval mode.

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


def unwrapped(network: nn.Module) -> nn.Module:
    """The user's own module inside ``torch.compile``, DataParallel and the like.

    Raises ``UnmeasurableError`` for other objects, and for scripted or traced modules.
    """
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(network, parallel):
            network = network.module
        elif isinstance(network, nn.Module) and "_orig_mod" in network._modules:
            network = network._orig_mod
        else:
            break
    if isinstance(network, torch.jit.ScriptModule):
        raise UnmeasurableError(
            f"{type(network).__name__}: a scripted or traced network keeps its layers to itself; "
            "measure the module that it was made from"
        )
    if not isinstance(network, nn.Module):
        raise UnmeasurableError(f"network: {type(network).__name__} is no torch.nn.Module")
    return network


def has_channels(network: nn.Module) -> bool:
    """Whether ``network`` has any noise channel."""
    return any(isinstance(module, NoiseChannel) for module in network.modules())


@contextmanager
def plain_conditions() -> Iterator[None]:
    """Within the block: no gradients, no autocast, no ``torch.compile``."""
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(device, enabled=False))
        if "torch._dynamo" in sys.modules:  # compiled code ignores hooks that were added later
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


class Recorder:
    """Forward hooks that record S and T of each channel call, in forward order.

    Recorded tensors are copies, as a network may change them in place. ``generators`` has, if
    ``watched``, the states of the global generators before each channel draws.
    """

    def __init__(
        self,
        network: nn.Module,
        noise: bool,
        last: int | None,
        expected: Sequence[NoiseChannel] | None,
        watched: bool = False,
    ):
        self.channels: list[NoiseChannel] = []
        self.hidden: list[Hidden] = []
        self.generators: list[generators.States] = []
        self.noise, self.last, self.expected = noise, last, expected
        found = [module for module in network.modules() if isinstance(module, NoiseChannel)]
        self.handles = [
            module.register_forward_hook(self._hook, with_kwargs=True) for module in found
        ]
        if watched:
            self.handles += [module.register_forward_pre_hook(self._watch) for module in found]
        if not found:
            raise UnmeasurableError(
                f"{type(network).__name__} has no noise channel: put a GaussianNoise, "
                "DropoutNoise or NoNoise behind every hidden layer"
            )

    def _watch(self, channel: NoiseChannel, args: tuple) -> None:
        self.generators.append(generators.states())

    def _hook(self, channel: NoiseChannel, args: tuple, kwargs: dict[str, Any], t: Tensor) -> None:
        k = len(self.hidden) + 1
        if channel.training != self.noise:
            raise _Refused(
                f"layer {k}: its {type(channel).__name__} cannot be switched "
                f"{'on' if self.noise else 'off'}: something sets its mode in the forward pass"
            )
        if self.expected is not None and (
            k > len(self.expected) or channel is not self.expected[k - 1]
        ):
            raise _Refused(OTHER_CALLS)
        s = (args[0] if args else next(iter(kwargs.values()))).detach().clone()
        self.channels.append(channel)
        same = not self.noise and torch.equal(s, t)
        self.hidden.append(Hidden(s, s if same else t.detach().clone()))
        if k == self.last:
            raise _LastLayerReached


#: message for a network whose layers differ between inputs
OTHER_CALLS = (
    "which noise channels are passed, or how often, depends on the inputs: layers must be the same "
    "for all of them"
)


class _LastLayerReached(BaseException):
    """Ends a forward pass early; a BaseException, so that no ``except Exception`` catches it."""


class _Refused(BaseException):
    """Refuses a network; a BaseException, so that no ``except Exception`` catches it."""


def record(
    network: nn.Module,
    x: Tensor,
    last: int | None,
    noise: bool,
    expected: Sequence[NoiseChannel] | None = None,
    watched: bool = False,
) -> Recorder:
    """The recorder of one forward pass; arguments as for :func:`hidden_layers`."""
    network = unwrapped(network)
    recorder = Recorder(network, noise, last, expected, watched)
    try:
        with plain_conditions(), noise_on(network, noise):
            network(x.detach().clone())  # a network may write over its input
    except _LastLayerReached:
        pass
    except _Refused as refusal:
        raise UnmeasurableError(f"{type(network).__name__}: {refusal}") from None
    except UnmeasurableError:
        raise
    except Exception as error:  # a user's forward pass may raise anything
        raise_interruption_behind(error)
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "memory" in str(error):
            raise
        raise UnmeasurableError(
            f"{type(network).__name__} does not take inputs of shape {list(x.shape)} and type "
            f"{str(x.dtype).removeprefix('torch.')}: {reason_of(error)}"
        ) from error
    finally:
        for handle in recorder.handles:
            handle.remove()
    if not recorder.hidden:
        raise UnmeasurableError(
            f"{type(network).__name__}: its forward pass goes through none of its noise channels"
        )
    wanted = last if expected is None else (last or len(expected))
    if wanted is not None and len(recorder.hidden) < wanted:
        raise UnmeasurableError(f"{type(network).__name__}: {OTHER_CALLS}")
    return recorder


def reason_of(error: BaseException) -> str:
    """The first line of the message of ``error``, 200 characters at most."""
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:200]


def hidden_layers(
    network: nn.Module,
    x: Tensor,
    *,
    noise: bool,
    last: int | None = None,
    expected: Sequence[NoiseChannel] | None = None,
) -> list[Hidden]:
    """S and T of layers 1, 2, … for one forward pass of ``x`` [n, …].

    With ``noise``, it is drawn from torch's global generator; all else is as in eval mode, whatever
    mode ``network`` is in, and without gradients. ``last`` ends the pass behind that layer. ``x``
    is not changed. Raises ``UnmeasurableError`` where the pass fails, or goes through no channel,
    or through other channels than ``expected``.
    """
    return record(network, x, last, noise, expected).hidden


def channels(network: nn.Module, x: Tensor) -> list[NoiseChannel]:
    """The noise channels in forward order, found by one pass of ``x``: the k-th is layer k.

    torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        return record(network, x, None, noise=False).channels
