"""Clouds of S given X = x: draws of every hidden layer's S by passing x through the noisy network.

The sampling of Section 3.1 (eq. (1)). Two ways to the same distribution: plain networks through
one fused kernel, any other module through true forward passes with its noise channels on.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.information.sampling.normal_numbers import stream
from ib_runner.information.sampling.propagation import DRAWS, fused_propagation, plain_network
from ib_runner.networks.hidden import hidden_layers, one_thread, unwrapped
from ib_runner.networks.inputs import as_inputs
from ib_runner.networks.noise import GaussianNoise, NoNoise
from ib_runner.networks.preconditions import measurable

#: float32 numbers that one forward pass may produce in all layers together
_PASS_VALUES = 2**24
#: inputs that share a generator in true forward passes
_GROUP = 16


@dataclass(frozen=True)
class Layer:
    """Hidden layer ``number`` (from 1) with ``dim`` units and noise ``beta`` (0: not Gaussian).

    ``exact``: no noise below, so that S is a function of x, as it always is in layer 1.
    """

    number: int
    dim: int
    beta: float
    exact: bool

    @property
    def noise_entropy(self) -> float:
        """h(Z) = (d/2) ln(2πeβ²), nats."""
        return self.dim / 2 * float(np.log(2 * np.pi * np.e * self.beta**2))


class Sampler:
    """Draws of S in the hidden layers of ``network`` for the inputs ``x`` [N, …].

    Every draw is a function of the weights, the input, its number in ``x``, ``seed`` and the
    ``purpose`` (a number that names a set of draws); different purposes are independent. Only the
    noise is on. torch's global generator is left as it was.

    Raises ``ValueError`` if the network has no noise channel.
    """

    def __init__(self, network: nn.Module, x: Tensor, seed: int):
        trusted = plain_network(unwrapped(network), as_inputs(x)) is not None
        found = measurable(network, x, trusted=trusted)
        self.network, self.x, self._channels = found.network, found.x, found.channels
        self.seed = seed % 2**63
        #: a float64 network's draws stay float64: about its centre a cloud may be narrow
        self.kind = np.float64 if found.precision == torch.float64 else np.float32
        self.layers = []
        exact = True
        for k, (channel, shape) in enumerate(zip(found.channels, found.shapes, strict=True)):
            beta = float(channel.beta) if isinstance(channel, GaussianNoise) else 0.0
            self.layers.append(Layer(k + 1, shape.numel(), beta, exact))
            exact = exact and (beta == 0.0 and isinstance(channel, GaussianNoise | NoNoise))
        #: the weights of a network of linear layers, activations and noise; None for others
        self.plain = plain_network(self.network, self.x)
        if self.plain is not None:
            self._rows = self.x.numpy().astype(np.float32)

    def __len__(self) -> int:
        return len(self.x)

    def linear_up_to(self, layer: Layer) -> bool:
        """Whether S of ``layer`` is an affine function of the input and the noise below."""
        return self.plain is not None and self.plain.linear_layers >= layer.number

    def draw(self, first: int, last: int, n: int, purpose: int, keep: list[int]) -> dict:
        """``n`` draws for inputs ``first`` … ``last`` − 1: {layer: ``kind`` [inputs, dim, n]}.

        ``keep`` lists the layers wanted, by number.
        """
        if self.plain is None:
            return self._forward_passes(first, last, n, purpose, keep)
        p = self.plain
        starts = np.concatenate([[0], np.cumsum(p.widths[1:])])
        s = np.empty((last - first, starts[-1], -(-n // DRAWS) * DRAWS), np.float32)
        fused_propagation(
            self._rows[first:last],
            first,
            p.widths,
            p.weights,
            p.biases,
            p.activations,
            p.slopes,
            p.betas,
            self.seed,
            int(purpose),
            s,
        )
        return {k: s[:, starts[k - 1] : starts[k], :n] for k in keep}

    def draw_some(self, inputs: np.ndarray, n: int, purpose: int, units: dict) -> dict:
        """``n`` draws for the chosen ``inputs``: {layer: ``kind`` [inputs, units, n]}.

        ``units`` lists those wanted of every layer. True forward passes, whatever the network; the
        draws are a function of ``seed``, ``purpose`` and all of ``inputs``.
        """
        out = {k: np.empty((len(inputs), len(some), n), self.kind) for k, some in units.items()}
        with torch.random.fork_rng(devices=[]), one_thread():
            for first in range(0, len(inputs), _GROUP):
                torch.manual_seed(int(stream(self.seed, int(purpose), first)) % 2**63)
                some = torch.from_numpy(inputs[first : first + _GROUP])
                batch = self.x[some].repeat_interleave(n, 0)
                hidden = self._pass(batch, max(units))
                for k, wanted in units.items():
                    s = hidden[k - 1].reshape(len(some), n, -1)[:, :, wanted]
                    out[k][first : first + len(some)] = s.transpose(1, 2).numpy()
        return out

    def _forward_passes(self, first: int, last: int, n: int, purpose: int, keep: list[int]) -> dict:
        """Groups of inputs that begin at multiples of a fixed size have a generator each."""
        out = {k: np.empty((last - first, self.layers[k - 1].dim, n), self.kind) for k in keep}
        per_pass = max(1, _PASS_VALUES // (2 * sum(layer.dim for layer in self.layers)))
        with torch.random.fork_rng(devices=[]), one_thread():
            for group in range(first - first % _GROUP, last, _GROUP):
                torch.manual_seed(int(stream(self.seed, int(purpose), group)) % 2**63)
                inputs = self.x[group : group + _GROUP]
                begin, end = max(group, first), min(group + _GROUP, last)
                step = max(1, per_pass // len(inputs))
                for draw in range(0, n, step):
                    count = min(step, n - draw)
                    batch = inputs.repeat_interleave(count, 0)
                    hidden = self._pass(batch, max(keep))
                    for k in keep:
                        s = hidden[k - 1].reshape(len(inputs), count, -1)
                        s = s[begin - group : end - group].transpose(1, 2)
                        out[k][begin - first : end - first, :, draw : draw + count] = s.numpy()
        return out

    def _pass(self, batch: Tensor, last: int) -> list[Tensor]:
        """S of layers 1 … ``last`` for one noisy pass of ``batch`` [n, …]."""
        rows = batch if len(batch) > 1 else batch.repeat_interleave(2, 0)  # as squeeze() needs it
        hidden = hidden_layers(self.network, rows, noise=True, last=last, expected=self._channels)
        return [h.s[: len(batch)] for h in hidden]
