"""Trial passes with a few inputs, which find networks that would be measured incorrectly."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.errors import UnmeasurableError
from ib_runner.networks import generators
from ib_runner.networks.fitted_inputs import in_double
from ib_runner.networks.hidden import Hidden, Recorder, record
from ib_runner.networks.noise import GaussianNoise, NoiseChannel, NoNoise
from ib_runner.networks.passed_on import dropped
from ib_runner.networks.plain_chain import CHANNELS

#: a seed that no network is likely to set
NOBODYS_SEED = 7_310_493_826_115
#: number of inputs in a pass, and of inputs that are also passed alone
_TOGETHER, _ALONE = 16, 4
#: number of inputs in the pass of a large batch
_MANY = 48
#: relative differences up to so many machine epsilons count as rounding
_ROUNDING = 64
#: differences up to this share of the noise β are harmless
_HARMLESS = 1e-3


def some_rows(x: Tensor) -> Tensor:
    """The numbers of a few rows of ``x`` [N, …]: evenly spaced ones, and those of extreme values.

    At least two of the rows differ, unless all rows of ``x`` are equal.
    """
    spread = np.linspace(0, len(x) - 1, min(_TOGETHER, len(x))).round().astype(int)
    rows = (x.byte() if x.dtype == torch.bool else x).reshape(len(x), -1)
    extreme = [int(found(rows.amax(1), 0)) for found in (torch.argmax, torch.argmin)]
    extreme += [int(found(rows.amin(1), 0)) for found in (torch.argmax, torch.argmin)]
    some = torch.from_numpy(np.union1d(spread, extreme))
    if bool((x[some] == x[0]).all()):
        other = (x != x[0]).reshape(len(x), -1).any(1).nonzero()
        some = torch.cat([some, other[:1, 0]])
    return some


class Trial:
    """Passes of ``rows`` in several ways, compared with ``first``, the pass without noise.

    ``names``: the name of each channel, and whether it is that of the module in front of it.
    """

    def __init__(
        self,
        network: nn.Module,
        rows: Tensor,
        first: Recorder,
        names: Mapping[NoiseChannel, tuple[str, bool]],
    ):
        self.network, self.rows, self.first, self.names = network, rows, first, names

    def run(self) -> None:
        """Make all trials. Raises ``UnmeasurableError`` naming the layer where one fails."""
        self._axis(self.first.hidden, len(self.rows))
        self._channels_do_nothing_else()
        self._randomness()
        self._noise_is_passed_on()
        self._neighbours()

    def _pass(self, rows: Tensor, *, noise: bool = False, watched: bool = False) -> Recorder:
        return record(self.network, rows, None, noise, self.first.channels, watched)

    def _refuse(self, k: int, what: str) -> None:
        name, _ = self.names[self.first.channels[k]]
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
            if not _equal(s, t):
                self._refuse(k, "what comes out of its channel is not S + noise (a forward hook?)")

    def _randomness(self) -> None:
        """Check that S of layer 1 is a function of x, and without noise all layers are."""
        other = (
            "something beside the noise channels is random, or remembers earlier passes: switch it "
            "off in eval mode (F.dropout needs training=self.training), or make it a noise channel"
        )
        generators.seed_cpu(NOBODYS_SEED + 1)
        before = generators.states()
        again = self._pass(self.rows, watched=True)
        noisy = self._pass(self.rows, noise=True, watched=True)
        self._axis(noisy.hidden, len(self.rows))
        exact = True
        for k, channel in enumerate(self.first.channels):
            drawn = again.generators[k] != before
            same = _equal(self.first.hidden[k].s, again.hidden[k].s)
            if exact:
                same = same and _equal(self.first.hidden[k].s, noisy.hidden[k].s)
            if drawn or not same:
                self._refuse(k, other)
            self._adds_its_noise(k, noisy)
            exact = exact and isinstance(channel, GaussianNoise | NoNoise) and channel.beta == 0

    def _adds_its_noise(self, k: int, noisy: Recorder) -> None:
        """Check that T of layer ``k`` is the channel's output for S, given the random numbers."""
        channel, (s, t) = self.first.channels[k], noisy.hidden[k]
        kind = next((kind for kind in CHANNELS if isinstance(channel, kind)), None)
        if kind is None:
            return
        generators.draw_as(noisy.generators[k])
        mode, channel.training = channel.training, True
        expected = kind.forward(channel, s)
        channel.training = mode
        if not _equal(expected, t):
            self._refuse(k, "what comes out of its channel is not S + noise (a forward hook?)")

    def _noise_is_passed_on(self) -> None:
        for k, lost in enumerate(dropped(self.network, self.rows)):
            if lost:
                self._refuse(
                    k,
                    "the network goes on without what comes out of its channel: use what the "
                    "channel, or the module in front of it, returns (h = relu(h), even in place)",
                )

    def _neighbours(self) -> None:
        """Check that a row's S is the same in a large batch, in another order, and alone."""
        # alone means a batch of two copies: squeeze() would remove the first axis of a batch of one
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
        # values that are infinite or NaN in both are equal
        return bool((((a - b).abs() > allowed) | (a.isnan() != b.isnan())).any())

    def _rounding(self, k: int, order: Tensor) -> bool:
        """Whether a difference is due to rounding: it must (almost) vanish in float64."""
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
