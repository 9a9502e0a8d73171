"""What must hold of a network for its layers to be measured rightly, found out before any work.

An interval is proved for S of layer 1 that is a function of x, for layers whose randomness is that
of the noise channels, and for rows that are inputs, each computed without regard to the others in
its batch. A few forward passes of a few inputs tell networks for which this does not hold.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.datasets.arrays import as_inputs
from ib_runner.errors import UnmeasurableError
from ib_runner.networks.behind import channels_behind
from ib_runner.networks.fitted_inputs import fitted, in_double, precision
from ib_runner.networks.hidden import Hidden, Recorder, one_thread, reason_of, record, unwrapped
from ib_runner.networks.noise import DropoutNoise, GaussianNoise, NoiseChannel, NoNoise

#: inputs that are tried out together, and inputs that are tried out alone
_TOGETHER, _ALONE = 16, 4
#: a seed that no network sets
_NOBODYS = 7_310_493_826_115
#: inputs in a pass of many
_MANY = 48
#: relative differences that are taken for rounding, in units of the precision's own
_ROUNDING = 64
#: differences that are this small a share of the noise do no harm
_HARMLESS = 1e-3


@dataclass(frozen=True)
class Measurable:
    """A ``network`` on the CPU, the inputs ``x`` [N, …] in the type that it takes, and its layers.

    ``channels``: layer k is the k-th, with ``shapes[k − 1]`` units. ``precision``: float64 where
    any layer is computed in it.
    """

    network: nn.Module
    x: Tensor
    channels: list[NoiseChannel]
    shapes: list[torch.Size]
    precision: torch.dtype


def measurable(network: nn.Module, x: Any, *, trusted: bool = False) -> Measurable:
    """``network`` and ``x`` in the form in which they are measured.

    ``trusted``: known to be of plain layers that treat rows alike. Raises ``UnmeasurableError``, in
    a sentence that names the layer, for what would be measured wrongly. torch's global generator
    and the network's modes are left as they were.
    """
    network, x = unwrapped(network), as_inputs(x)
    precision(network)
    network = _on_cpu(network)
    _check_channels(network)
    x = fitted(network, x)
    rows = x[_some(x)]
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(_NOBODYS)
        first = record(network, rows, None, noise=False)
        if not trusted:
            _Trial(network, rows, first).run()
    dtypes = [h.s.dtype for h in first.hidden]
    return Measurable(
        network,
        x,
        first.channels,
        [h.s.shape[1:] for h in first.hidden],
        torch.float64 if torch.float64 in dtypes else torch.float32,
    )


def channel_names(network: nn.Module) -> dict[NoiseChannel, tuple[str, bool]]:
    """The name of each channel, and whether it is that of the module that it was put behind."""
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


def _check_channels(network: nn.Module) -> None:
    """The channels add what their class says."""
    for name, module in network.named_modules():
        if not isinstance(module, NoiseChannel):
            continue
        for kind in (GaussianNoise, DropoutNoise, NoNoise):
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


def _some(x: Tensor) -> Tensor:
    """Numbers of a few rows of ``x``, spread evenly, not all of them equal if it can be."""
    spread = np.linspace(0, len(x) - 1, min(_TOGETHER, len(x))).round().astype(int)
    some = torch.from_numpy(spread)
    if bool((x[some] == x[0]).all()):
        other = (x != x[0]).reshape(len(x), -1).any(1).nonzero()
        some = torch.cat([some, other[:1, 0]])
    return some


class _Trial:
    """Passes of ``rows`` in several ways, held against ``first``, the one with the noise off."""

    def __init__(self, network: nn.Module, rows: Tensor, first: Recorder):
        self.network, self.rows, self.first = network, rows, first

    def run(self) -> None:
        self._axis(self.first.hidden, len(self.rows))
        self._channels_do_nothing_else()
        self._randomness()
        self._neighbours()

    def _pass(self, rows: Tensor, *, noise: bool = False) -> Recorder:
        return record(self.network, rows, None, noise, self.first.channels)

    def _refuse(self, k: int, what: str) -> None:
        name, _ = channel_names(self.network)[self.first.channels[k]]
        raise UnmeasurableError(f"{type(self.network).__name__}, layer {k + 1} ({name}): {what}")

    def _axis(self, hidden: list[Hidden], n: int) -> None:
        for k, (s, t) in enumerate(hidden):
            if s.ndim == 0 or len(s) != n or s.shape != t.shape or s.numel() == 0:
                self._refuse(
                    k,
                    f"{n} inputs make values of shape {list(s.shape)}: the first axis must be the "
                    "inputs (batch_first=True for recurrent layers)",
                )

    def _channels_do_nothing_else(self) -> None:
        for k, (s, t) in enumerate(self.first.hidden):
            if not torch.equal(s.nan_to_num(), t.nan_to_num()):
                self._refuse(k, "what comes out of its channel is not S + noise (a forward hook?)")

    def _randomness(self) -> None:
        """Layer 1 is a function of x, and so are all with the noise off."""
        other = (
            "something beside the noise channels is random, or remembers earlier passes: switch it "
            "off in eval mode (F.dropout needs training=self.training), or make it a noise channel"
        )
        torch.manual_seed(_NOBODYS + 1)
        before = torch.get_rng_state()
        again = self._pass(self.rows)
        noisy = self._pass(self.rows, noise=True)
        self._axis(noisy.hidden, len(self.rows))
        exact = True
        for k, channel in enumerate(self.first.channels):
            drawn = not torch.equal(again.generators[k], before)
            same = _equal(self.first.hidden[k].s, again.hidden[k].s)
            if exact:
                same = same and _equal(self.first.hidden[k].s, noisy.hidden[k].s)
            if drawn or not same:
                self._refuse(k, other)
            exact = exact and isinstance(channel, GaussianNoise | NoNoise) and channel.beta == 0

    def _neighbours(self) -> None:
        """Rows are the same among many, in another order, and each alone."""
        # two rows of one input: a batch of one may lose its axis (squeeze)
        for order in self._orders():
            rows = self.rows[order]
            found = self._pass(rows)
            self._axis(found.hidden, len(rows))
            for k, hidden in enumerate(found.hidden):
                if self._differ(k, hidden.s, self.first.hidden[k].s[order]) and not self._rounding(
                    k, order
                ):
                    self._refuse(
                        k,
                        "what an input gives depends on the others in its batch (or on its place "
                        "there): rows must be inputs, each computed alone",
                    )

    def _orders(self) -> list[Tensor]:
        n = len(self.rows)
        alone = np.unique(np.linspace(0, n - 1, min(_ALONE, n)).round().astype(int))
        many = torch.arange(n).flip(0).repeat(-(-_MANY // n))
        return [many, *(torch.tensor([row, row]) for row in alone)]

    def _differ(self, k: int, a: Tensor, b: Tensor) -> bool:
        if a.shape != b.shape:
            return True
        a, b = (values.double().reshape(len(values), -1) for values in (a, b))
        allowed = _ROUNDING * torch.finfo(self.first.hidden[k].s.dtype).eps * b.abs().amax(0)
        beta = self.first.channels[k].beta
        if beta > 0:
            allowed = allowed.clamp(max=_HARMLESS * beta)
        # infinite and NaN alike in both are no difference
        return bool((((a - b).abs() > allowed) | (a.isnan() != b.isnan())).any())

    def _rounding(self, k: int, order: Tensor) -> bool:
        """Whether the difference is that of sums in another order: in float64 it all but goes."""
        network, rows = in_double(self.network, self.rows)
        if network is self.network:
            return False
        here, there = (
            record(network, some, None, False).hidden[k].s for some in (rows, rows[order])
        )
        native = self._pass(self.rows[order]).hidden[k].s
        gap = _gap(native, self.first.hidden[k].s[order])
        return _gap(there, here[order]) <= _HARMLESS * gap


def _gap(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).abs().nan_to_num(posinf=0.0).max())


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())
