"""Clouds of S given X = x: draws of every hidden layer's S by passing x through the noisy network.

The sampling of Section 3.1 (eq. (1)). Two ways to the same distribution: plain networks through
one fused kernel, any other module through true forward passes with its noise channels on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.datasets.arrays import as_inputs
from ib_runner.information.sampling.normal_numbers import normals, stream
from ib_runner.information.sampling.propagation import DRAWS, fused_propagation, plain_network
from ib_runner.networks import generators
from ib_runner.networks.hidden import hidden_layers, unwrapped
from ib_runner.networks.noise import GaussianNoise, NoNoise
from ib_runner.networks.preconditions import Measurable, measurable
from ib_runner.threads import one_thread

#: the most float32 numbers that one forward pass may produce in all layers together
_PASS_VALUES = 2**24
#: inputs in one pass without noise; the most values of S of an exact layer kept in memory
_EXACT_ROWS, _EXACT_VALUES = 4096, 2**26
#: inputs that share a generator in true forward passes
_GROUP = 16


#: lengths between this and its inverse are well within float32's range
LEAST = 1e-30


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
        return self.dim * (0.5 * math.log(2 * math.pi * math.e) + math.log(self.beta))


def _runs(numbers: np.ndarray) -> list[tuple[int, int]]:
    """The ranges (first, last + 1) of consecutive numbers in ``numbers``."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def _whole(n: int) -> int:
    """``n`` draws, filled up to a multiple of those that the kernel propagates together."""
    return -(-n // DRAWS) * DRAWS


def in_units(s: np.ndarray, centres: np.ndarray, length: float) -> np.ndarray:
    """Draws ``s`` [n, d, m] minus ``centres`` [n, d], in units of ``length``: float32."""
    unit = s.dtype.type(length)
    if not LEAST < unit < 1 / LEAST:
        s, unit = s.astype(np.float64), length
    moved = s - centres[:, :, None]
    moved /= unit
    return np.ascontiguousarray(moved, dtype=np.float32)


def measurable_network(network: nn.Module, x: Tensor) -> Measurable:
    """``measurable``; a plain network, in which nothing can go wrong, makes no trial passes."""
    trusted = plain_network(unwrapped(network), as_inputs(x)) is not None
    return measurable(network, x, trusted=trusted)


class Sampler:
    """Draws of S in the hidden layers of ``network`` for the inputs ``x`` [N, …].

    Every draw is a function of the weights, the input, its number in ``x``, ``seed`` and the
    ``purpose`` (a number that names a set of draws); different purposes are independent. Only
    the noise is in training mode. torch's global generator is left as it was.

    Raises ``ValueError`` if the network has no noise channel.
    """

    def __init__(self, network: nn.Module, x: Tensor, seed: int):
        found = measurable_network(network, x)
        self.network, self.x = found.network, found.x
        #: the noise channels, in forward order
        self.channels = found.channels
        self.seed = seed % 2**63
        #: draws of a float64 network stay float64: a cloud may be narrower than float32 resolves
        self.kind = np.float64 if found.precision == torch.float64 else np.float32
        self.layers = []
        self._exact: dict[int, np.ndarray] = {}
        exact = True
        for k, (channel, shape) in enumerate(zip(found.channels, found.shapes, strict=True)):
            beta = float(channel.beta) if isinstance(channel, GaussianNoise) else 0.0
            self.layers.append(Layer(k + 1, shape.numel(), beta, exact))
            exact = exact and (beta == 0.0 and isinstance(channel, GaussianNoise | NoNoise))
        #: the weights of a network of linear layers, activations and noise; None for others
        self.plain = plain_network(self.network, self.x)
        if self.plain is not None and not self.plain.resolves_its_noise(*self._last_exact()):
            self.plain = None
        if self.plain is not None:
            self._rows = self.x.flatten(1).numpy().astype(np.float32)

    def __len__(self) -> int:
        return len(self.x)

    def exact_s(self, number: int) -> np.ndarray | None:
        """S of an exact layer as the network computes it, roundings included: [N, dim].

        All methods use these values. None for a layer that is not exact, or too large to be kept.
        """
        layer = self.layers[number - 1]
        if not layer.exact or len(self) * layer.dim > _EXACT_VALUES:
            return None
        if number not in self._exact:
            with one_thread():
                parts = [self._exact_rows(rows, number) for rows in self.x.split(_EXACT_ROWS)]
            self._exact[number] = np.concatenate(parts).astype(self.kind, copy=False)
        return self._exact[number]

    def _exact_rows(self, x: Tensor, number: int) -> np.ndarray:
        batch = x if len(x) > 1 else x.repeat_interleave(2, 0)  # as squeeze() needs it
        hidden = hidden_layers(
            self.network, batch, noise=False, last=number, expected=self.channels
        )
        return hidden[-1].s[: len(x)].reshape(len(x), -1).numpy()

    def rounding(self, layer: Layer) -> float:
        """A bound, nats, on the change of I(X;T) by float32 rounding in a plain network's layer."""
        return self.plain.rounding(layer.number, *self._last_exact())

    def _last_exact(self) -> tuple[int, np.ndarray]:
        """The last exact layer of a plain network, and the largest |S| of each of its units."""
        number = max(layer.number for layer in self.layers if layer.exact)
        s = self.exact_s(number)
        if s is None:
            s = self._exact_rows(self.x, number)
        return number, np.abs(s).max(0).astype(np.float64)

    def linear_up_to(self, layer: Layer) -> bool:
        """Whether S of ``layer`` is an affine function of the input and the noise below."""
        return self.plain is not None and self.plain.linear_layers >= layer.number

    def draw(self, first: int, last: int, n: int, purpose: int, keep: list[int]) -> dict:
        """``n`` draws for inputs ``first`` … ``last`` − 1: {layer: ``kind`` [inputs, dim, n]}.

        ``keep`` lists the layers wanted, by number. All draws of an exact layer are equal.
        """
        return self.draw_of(np.arange(first, last), n, purpose, keep)

    def draw_of(self, numbers: np.ndarray, n: int, purpose: int, keep: list[int]) -> dict:
        """``draw`` for the inputs ``numbers``."""
        exact = {k: s for k in keep if (s := self.exact_s(k)) is not None}
        found = {
            k: np.broadcast_to(s[numbers, :, None], (len(numbers), s.shape[1], n))
            for k, s in exact.items()
        }
        noisy = [k for k in keep if k not in exact]
        if noisy and self.plain is not None:
            wanted, lengths = dict.fromkeys(noisy, n), dict.fromkeys(noisy, 1.0)
            found |= self._fused(numbers, wanted, purpose, lengths, None, common=False)[0]
        elif noisy:
            parts = [self._forward_passes(*run, n, purpose, noisy) for run in _runs(numbers)]
            found |= {k: np.concatenate([part[k] for part in parts]) for k in noisy}
        return found

    def clouds(
        self,
        numbers: np.ndarray,
        n: Mapping[int, int],
        purpose: int,
        lengths: Mapping[int, float],
        centres: dict | None,
        common: bool = False,
    ) -> tuple[dict, dict]:
        """``draw`` for the inputs ``numbers``, about ``centres`` and in units of ``lengths``.

        The layers are those in ``n``, which has their numbers of draws. ``centres`` {layer:
        [inputs, dim]}; where there are none, the first draws. ``common``: where the kernel draws,
        the inputs share their noise.
        Returns clouds {layer: float32 [inputs, dim, n]} and centres {layer: ``kind`` [inputs,
        dim]}. Exact layers have one draw.
        """
        exact = [k for k in n if self.layers[k - 1].exact]
        fused, others = {}, [k for k in n if k not in exact]
        if self.plain is not None:
            fused = {k: n[k] for k in others if LEAST < lengths[k] < 1 / LEAST}
            others = [k for k in others if k not in fused]
        clouds, about = {}, {}
        if fused:
            clouds, about = self._fused(numbers, fused, purpose, lengths, centres or {}, common)
        drawn = {k: s[numbers, :, None] for k in exact if (s := self.exact_s(k)) is not None}
        if keep := [k for k in exact if k not in drawn]:
            drawn |= self.draw_of(numbers, 1, purpose, keep)
        if others:
            drawn |= self.draw_of(numbers, max(n[k] for k in others), purpose, others)
        for k, s in drawn.items():
            about[k] = centres[k] if centres else s[:, :, 0].copy()
            clouds[k] = in_units(s[:, :, : n[k]], about[k], lengths[k])
        return clouds, about

    def _fused(
        self,
        numbers: np.ndarray,
        n: Mapping[int, int],
        purpose: int,
        lengths: Mapping[int, float],
        about: dict | None,
        common: bool,
    ) -> tuple[dict, dict]:
        """``clouds`` of layers that are not exact, by the kernel; S itself if ``about`` is None."""
        p, rows, keep = self.plain, len(numbers), sorted(n)
        most = _whole(max(n.values()))
        noise = np.empty((1, int(p.widths[1:].sum()) if common else 0, most), np.float32)
        if common:
            normals(1, self.seed, int(purpose), np.zeros(1, np.int64), noise)
        starts = np.concatenate([[0], np.cumsum(p.widths[1:])])
        skipped = starts[keep[0] - 1]
        starts = starts[keep[0] - 1 :] - skipped
        places = np.empty((rows, starts[-1]), np.int64)
        wanted = np.zeros(starts[-1], np.int64)
        centres = np.zeros((rows, starts[-1]), np.float32)
        scales = np.ones(starts[-1], np.float32)
        parts, size = {}, 0
        for k, (begin, end) in enumerate(pairwise(starts.tolist()), keep[0]):
            if k not in n:
                continue
            parts[k], n_draws = (slice(begin, end), size), _whole(n[k])
            wanted[begin:end] = n_draws
            of_layer = np.arange(rows * (end - begin)).reshape(rows, -1)
            places[:, begin:end] = size + of_layer * n_draws
            size += of_layer.size * n_draws
            scales[begin:end] = 1.0 / lengths[k]
            if about and k in about:
                centres[:, begin:end] = about[k]
        s = np.empty(size, np.float32)
        fused_propagation(
            rows,
            self._rows[numbers],
            numbers,
            p.widths,
            p.weights,
            p.biases,
            p.activations,
            p.slopes,
            p.betas,
            self.seed,
            int(purpose),
            noise[0],
            skipped,
            most,
            wanted,
            places,
            centres,
            about is not None and not about,
            scales,
            s,
        )
        clouds = {}
        for k, (units, first) in parts.items():
            shape = rows, units.stop - units.start, _whole(n[k])
            of_layer = s[first : first + math.prod(shape)].reshape(shape)
            clouds[k] = of_layer[:, :, : n[k]]
        return clouds, {k: centres[:, units] for k, (units, _) in parts.items()}

    def draw_some(self, inputs: np.ndarray, n: int, purpose: int, units: dict) -> dict:
        """``n`` draws for the chosen ``inputs``: {layer: ``kind`` [inputs, units, n]}.

        ``units`` lists, by layer, the units wanted. Made by true forward passes for any network;
        the draws are a function of ``seed``, ``purpose`` and all of ``inputs``.
        """
        out = {k: np.empty((len(inputs), len(some), n), self.kind) for k, some in units.items()}
        with torch.random.fork_rng(devices=[]), one_thread():
            for first in range(0, len(inputs), _GROUP):
                generators.seed_cpu(int(stream(self.seed, int(purpose), first)) % 2**63)
                some = torch.from_numpy(inputs[first : first + _GROUP])
                batch = self.x[some].repeat_interleave(n, 0)
                hidden = self._pass(batch, max(units))
                for k, wanted in units.items():
                    exact = self.exact_s(k)
                    if exact is not None:
                        out[k][first : first + len(some)] = exact[some][:, wanted, None]
                        continue
                    s = hidden[k - 1].reshape(len(some), n, -1)[:, :, wanted]
                    out[k][first : first + len(some)] = s.transpose(1, 2).numpy()
        return out

    def _forward_passes(self, first: int, last: int, n: int, purpose: int, keep: list[int]) -> dict:
        """As ``draw``; every group of ``_GROUP`` consecutive inputs has its own generator."""
        out = {k: np.empty((last - first, self.layers[k - 1].dim, n), self.kind) for k in keep}
        per_pass = max(1, _PASS_VALUES // (2 * sum(layer.dim for layer in self.layers)))
        with torch.random.fork_rng(devices=[]), one_thread():
            for group in range(first - first % _GROUP, last, _GROUP):
                generators.seed_cpu(int(stream(self.seed, int(purpose), group)) % 2**63)
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
        hidden = hidden_layers(self.network, rows, noise=True, last=last, expected=self.channels)
        return [h.s[: len(batch)] for h in hidden]
