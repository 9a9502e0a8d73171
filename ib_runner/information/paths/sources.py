"""The sources of a layer's points and of the terms b at them: guessed Gaussians, or exact ones.

In layer 1, in every layer without noise below and in linear networks T given x *is* one Gaussian,
of the same covariance for all x: then b is ln p(t|x)/p(t) itself, and both bounds are equal. In
coordinates where the noise has covariance I, directions in which the inputs' means do not differ
cancel in b: the means are rotated into the space that they span.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from ib_runner.compiled import parallel_range
from ib_runner.information.exact.gaussian_layers import MOST_UNITS, gaussians
from ib_runner.information.exact.linear_network import whitened
from ib_runner.information.paths.guess import Guess
from ib_runner.information.paths.log_sums import log_row_sums
from ib_runner.information.paths.pre_activations import PreActivations, pre_activations
from ib_runner.information.paths.terms import Classes, base_terms, joined, sharpened
from ib_runner.information.paths.weights import Points, points
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream, generator

#: the most values in an array of one block
_BLOCK_VALUES = 2**22
#: the most values in the means of all inputs
_MEANS = 2**26
#: largest error of a logarithm, by rounding of squares, nats
_RESOLVED = 1e-7


class Source(Protocol):
    """Terms b at fresh points of a layer.

    ``exact``: b is ln p(t|x)/p(t). ``cost``: of a point, in kernel evaluations. ``rounding``: how
    much float32 may change I, nats. ``conditional_entropy``: h(T|X) in nats where it is known.
    """

    exact: bool
    rounding: float
    conditional_entropy: float | None

    @property
    def cost(self) -> float: ...

    def terms(
        self, inputs: np.ndarray, name: Stream, classes: Classes | None
    ) -> dict[str, np.ndarray]:
        """b at a fresh point of each of ``inputs`` [m], for X and, with labels, for Y."""
        ...


@parallel_range(error_model="numpy")
def _far_apart(begin, end, means, owners, z, log_g):
    """ln g of all inputs at t = means[owner] + z from differences, however large the means are."""
    dim = means.shape[1]
    for p in range(begin, end):
        own = means[owners[p]]
        for x in range(len(means)):
            square = 0.0
            for i in range(dim):
                off = (own[i] - means[x, i]) + z[p, i]
                square += off * off
            log_g[p, x] = -0.5 * square


@dataclass(frozen=True)
class ExactSource:
    """T = ``means``[x] + N(0, I): ``means`` [N, d]; ``exact`` is False where units are left out."""

    means: np.ndarray
    seed: int
    layer: Layer
    exact: bool
    rounding: float
    conditional_entropy: float | None

    @property
    def cost(self) -> float:
        return len(self.means) * (1.0 + self.means.shape[1] / 256)

    def terms(
        self, inputs: np.ndarray, name: Stream, classes: Classes | None
    ) -> dict[str, np.ndarray]:
        n, dim = self.means.shape
        rng = generator(self.seed, name, self.layer.number)
        squares = 0.5 * np.square(self.means).sum(1)
        resolved = squares.max() * np.finfo(float).eps < _RESOLVED
        step = max(1, _BLOCK_VALUES // max(n, dim))
        parts: dict[str, list[np.ndarray]] = {"x": [], "y": []}
        for first in range(0, len(inputs), step):
            owners = inputs[first : first + step]
            every, z = np.arange(len(owners)), rng.standard_normal((min(step, len(inputs)), dim))
            z = z[: len(owners)]
            if resolved:
                log_g = (self.means[owners] + z) @ self.means.T - squares
            else:
                log_g = np.empty((len(owners), n))
                _far_apart(len(owners), self.means, owners, z, log_g)
            total = log_row_sums(log_g)
            parts["x"].append(log_g[every, owners] - total + np.log(n))
            if classes is not None:
                label = classes.log_sums(log_g, owners) - total
                parts["y"].append(label - np.log(classes.sizes[owners] / n))
        return {name: np.concatenate(found) for name, found in parts.items() if found}


def exact_source(sampler: Sampler, layer: Layer) -> ExactSource | None:
    """The source of a layer whose T given x is Gaussian, or None.

    Where the means need too much memory, only the units that differ most are used: b then still
    bounds I(X;T) from below (data processing), and ``exact`` is False.
    """
    complete, rounding = True, 0.0
    entropy: float | None = layer.noise_entropy
    if layer.exact:
        s = sampler.exact_s(layer.number)
        complete = s is not None
        means = s.astype(np.float64) if s is not None else _some_units(sampler, layer)
        means = (means - means[0]) / layer.beta
    elif sampler.linear_up_to(layer) and layer.dim <= MOST_UNITS:
        found = gaussians(sampler, layer)
        means = whitened(found.means - found.means[0], found.covariance).numpy()
        rounding = pre_activations(sampler, layer).rounding
        covariance = found.covariance.numpy() / layer.beta**2
        entropy += 0.5 * float(np.linalg.slogdet(covariance)[1])
    else:
        return None
    varying = np.ptp(means, axis=0) > 0.0
    means = means[:, varying] if varying.any() else means[:, :1]
    if means.shape[1] > len(means):
        # R of Aᵀ = QR: the rows' coordinates in the space that they span
        means = np.linalg.qr(means.T, mode="r").T
    means = np.ascontiguousarray(means)
    return ExactSource(
        means, sampler.seed, layer, complete, rounding, entropy if complete else None
    )


def _some_units(sampler: Sampler, layer: Layer) -> np.ndarray:
    """S of all inputs at as many units as fit in memory, those that differ most: [N, units]."""
    n = len(sampler)
    step = max(16, _BLOCK_VALUES // layer.dim // 16 * 16)
    blocks = [(first, min(first + step, n)) for first in range(0, n, step)]

    def values(first: int, last: int) -> np.ndarray:
        return sampler.draw(first, last, 1, Stream.GUESS, [layer.number])[layer.number][:, :, 0]

    some = np.concatenate([values(*block) for block in blocks[:: max(1, len(blocks) // 8)]])
    units = np.sort(np.argsort(some.var(0))[-max(1, min(_MEANS // n, 1024)) :])
    return np.concatenate([values(*block)[:, units] for block in blocks]).astype(np.float64)


@dataclass(frozen=True)
class GuessedSource:
    """Points made by the network, with b from ``guess``.

    ``units`` None: the noise below cannot be set, so that points are drawn by forward passes.
    """

    sampler: Sampler
    layer: Layer
    guess: Guess
    units: PreActivations | None
    exact = False
    conditional_entropy = None

    @property
    def rounding(self) -> float:
        return 0.0 if self.units is None else self.units.rounding

    @property
    def cost(self) -> float:
        n, dim = self.guess.means.shape
        near = 0.0 if self.guess.whitening is None else min(n, 64) * dim**2 / 64
        below = 0 if self.units is None else self.units.n_noise
        return n * (2.0 + dim / 64) + near + 16.0 * below

    def terms(
        self, inputs: np.ndarray, name: Stream, classes: Classes | None
    ) -> dict[str, np.ndarray]:
        return joined([terms for _, terms in self.blocks(inputs, name, classes)])

    def blocks(
        self, inputs: np.ndarray, name: Stream, classes: Classes | None
    ) -> Iterator[tuple[Points, dict[str, np.ndarray]]]:
        """Points of ``inputs`` [m], in their order and block by block, and b at these points."""
        rng = generator(self.sampler.seed, name, self.layer.number)
        below = self.layer.dim if self.units is None else self.units.n_noise
        step = max(16, _BLOCK_VALUES // (below + self.layer.dim))
        # blocks contain all points of an input
        step = -(-step // (each := np.count_nonzero(inputs == inputs[0]))) * each
        for block, first in enumerate(range(0, len(inputs), step)):
            purpose = (int(name) << 48) | (block << 24) | self.layer.number
            found = self._points(inputs[first : first + step], purpose, rng)
            yield found, base_terms(self.guess, found.t.numpy(), found.inputs, classes)

    def sharpened(self, inputs: np.ndarray) -> "GuessedSource":
        """This source, with the sharpness of the guess that is best at points of ``inputs``."""
        rng = generator(self.sampler.seed, Stream.GUESS, self.layer.number)
        found = self._points(inputs, (int(Stream.GUESS) << 48) | self.layer.number, rng)
        return replace(self, guess=sharpened(self.guess, found.t.numpy(), inputs))

    def _points(self, inputs: np.ndarray, purpose: int, rng: np.random.Generator) -> Points:
        if self.units is not None:
            return points(self.units, inputs, rng)
        k, dim = self.layer.number, self.layer.dim
        some, counts = np.unique(inputs, return_counts=True)
        if np.any(counts != counts[0]):
            some, counts = inputs, np.ones(1, int)
        s = self.sampler.draw_some(some, int(counts[0]), purpose, {k: np.arange(dim)})[k]
        s = s.transpose(0, 2, 1).reshape(-1, dim)
        t = torch.from_numpy(s + self.layer.beta * rng.standard_normal(s.shape))
        return Points(inputs, t, torch.empty(len(inputs), 0))
