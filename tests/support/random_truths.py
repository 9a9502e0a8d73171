"""True values of I(X;T) of small layers in float64, to compare intervals of random networks with.

Layer 1 is a Gaussian mixture with one centre for each input. Behind it T given x is a mixture with
a centre for each node of a quadrature over the noise below. Mixtures of few units are put on a
grid, and their entropies are sums over it.
"""

import copy
import math
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.networks import DropoutNoise, GaussianNoise, NoiseChannel

#: coarse and fine numbers of quadrature nodes by the number of units of noise below; their range,
#: in standard deviations
NODES, REACH = {1: (601, 997), 2: (65, 91)}, 8.0
#: spacing of the grid, and its range beyond the centres, in standard deviations
SPACING, BEYOND = 0.2, 7.0
#: the most places of a grid
MOST_PLACES = 1_000_000
#: largest difference of the coarse and the fine result, and a further tolerance, nats
UNSURE, ROOM = 0.02, 1e-3
#: centres of smaller weight are left out
_LIGHT = 1e-14


def truth(points: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """Bounds in nats of I(U; U + N(0, 1)) for U uniform over ``points`` [N, d], float64.

    Both are the value itself where the points lie on a line, else pairwise bounds (Kolchinsky and
    Tracey, 2017). ``classes``: the numbers of distinct inputs; equal inputs have equal points.
    """
    distinct, index = np.unique(points, axis=0, return_inverse=True)
    weights = np.bincount(index.reshape(-1)) / len(points)
    if len(distinct) == 1:
        return 0.0, 0.0
    if distinct.shape[1] == 1 or len(distinct) == 2:
        line = distinct[:, 0]
        if len(distinct) == 2:
            line = np.array([0.0, np.hypot.reduce(distinct[1] - distinct[0])])
        value = _on_a_line(line, weights)
        return value, value
    gaps = distinct[:, None] - distinct
    squares = np.minimum(np.hypot.reduce(gaps, axis=-1), 1e3) ** 2
    low, high = (-float(weights @ np.log(np.exp(-squares / c) @ weights)) for c in (8.0, 2.0))
    return low, high


def _on_a_line(points: np.ndarray, weights: np.ndarray) -> float:
    """I in nats by the trapezoidal rule; points further apart than 60 count as fully distinct."""
    order = np.argsort(points)
    points, weights = points[order], weights[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(points) > 60]))
    total = 0.0
    for own, share in zip(np.split(points, starts[1:]), np.split(weights, starts[1:]), strict=True):
        mass = share.sum()
        total -= mass * math.log(mass)
        own, share = own - own[0], share / mass
        t, step = np.linspace(-12, own[-1] + 12, int(40 * (own[-1] + 24)) + 1, retstep=True)
        terms = np.exp(-((t[:, None] - own) ** 2) / 2) @ share / math.sqrt(2 * math.pi)
        entropy = -step * float((terms * np.log(np.maximum(terms, 1e-300))).sum())
        total += mass * (entropy - math.log(2 * math.pi * math.e) / 2)
    return total


def truth_behind(
    s: Tensor, channel: NoiseChannel, between: nn.Sequential, beta: float
) -> tuple[float, float] | None:
    """Bounds in nats of I(X;T) for T = ``between``(``channel``(S)) + N(0, ``beta``²).

    ``s`` [N, …] is S as the network computes it. None where this method does not apply: too many
    units, clouds too wide for the grid, or float32 too coarse for the network itself.
    """
    found = []
    for fineness in range(2):
        nodes = _nodes(channel, s[0].numel(), fineness)
        if nodes is None:
            return None
        offsets, weights = nodes
        t = s.double().reshape(len(s), 1, -1)
        t = t * torch.from_numpy(offsets) if _scales(channel) else t + torch.from_numpy(offsets)
        centres = _passed(between, t.reshape(-1, *s.shape[1:]))
        native = _passed(between, t.reshape(-1, *s.shape[1:]).to(s.dtype), native=True)
        if not np.isfinite(native).all() or not np.isfinite(centres).all():
            return None
        if 4 * np.abs(native - centres).max() * math.sqrt(centres.shape[1]) > 5e-3 * beta:
            return None
        # relative to one centre: far from the origin, distances would suffer from rounding
        apart = (centres - centres[0]) / beta
        if not np.isfinite(apart).all():
            return None
        value = _of_mixtures(apart.reshape(len(s), len(weights), -1), weights)
        if value is None:
            return None
        found.append(value)
    if abs(found[0] - found[1]) > UNSURE:
        return None
    return min(found) - ROOM, max(found) + ROOM


def _scales(channel: NoiseChannel) -> bool:
    return isinstance(channel, DropoutNoise)


def _nodes(
    channel: NoiseChannel, units: int, fineness: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The nodes of the noise (addends or factors) [k, units], and their weights [k]."""
    if isinstance(channel, GaussianNoise) and channel.beta > 0:
        if units not in NODES:
            return None
        z = np.linspace(-REACH, REACH, NODES[units][fineness])
        one = np.exp(-(z**2) / 2)
        offsets = np.array(list(product(z, repeat=units))) * channel.beta
        weights = np.prod(list(product(one, repeat=units)), axis=1)
    elif isinstance(channel, DropoutNoise) and channel.p > 0:
        kept = np.array(list(product([0.0, 1.0], repeat=units)))
        weights = np.prod(np.where(kept == 1, 1 - channel.p, channel.p), axis=1)
        offsets = kept / (1 - channel.p)
    else:
        offsets, weights = np.full((1, units), float(_scales(channel))), np.ones(1)
    heavy = weights > _LIGHT * weights.max()
    return offsets[heavy], weights[heavy] / weights[heavy].sum()


def _passed(between: nn.Sequential, t: Tensor, native: bool = False) -> np.ndarray:
    modules = copy.deepcopy(between).eval()
    with torch.no_grad():
        s = (modules if native else modules.double())(t.clone())
    return s.reshape(len(t), -1).double().numpy()


def _of_mixtures(centres: np.ndarray, weights: np.ndarray) -> float | None:
    """I(X;T) for X uniform and T given x a mixture of N(centre, 1): ``centres`` [N, k, d]."""
    n, _, d = centres.shape
    low = centres.reshape(-1, d).min(0) - BEYOND
    sizes = np.ceil((centres.reshape(-1, d).max(0) + BEYOND - low) / SPACING) + 1
    if not np.prod(sizes) <= MOST_PLACES:
        return None
    sizes = tuple(sizes.astype(int))
    waves = _waves(sizes)
    densities = [_density((own - low) / SPACING, weights, sizes, waves) for own in centres]
    given = float(np.mean([_entropy(p) for p in densities]))
    return _entropy(sum(densities) / n) - given


def _waves(sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Squared frequencies of the Fourier transform of a grid, an array for each axis."""
    waves = [np.fft.fftfreq(size, SPACING) for size in sizes[:-1]]
    waves.append(np.fft.rfftfreq(sizes[-1], SPACING))
    return [np.square(2 * np.pi * axis) for axis in np.meshgrid(*waves, indexing="ij")]


def _density(
    places: np.ndarray, weights: np.ndarray, sizes: tuple[int, ...], waves: list[np.ndarray]
) -> np.ndarray:
    """Probabilities of the grid's cells; each weight is divided among the cells around its centre.

    Dividing a weight adds variance, by which the variance of the noise is reduced.
    """
    first = np.floor(places).astype(int)
    right = places - first
    grid = np.zeros(math.prod(sizes))
    for corner in product([0, 1], repeat=places.shape[1]):
        share = np.prod(np.where(np.array(corner) == 1, right, 1 - right), axis=1)
        index = np.ravel_multi_index(tuple((first + corner).T), sizes)
        grid += np.bincount(index, weights * share, len(grid))
    widened = SPACING**2 * (weights @ (right * (1 - right)))
    squares = sum(one * (1 - more) for one, more in zip(waves, widened, strict=True))
    axes = tuple(range(len(sizes)))
    noisy = np.fft.rfftn(grid.reshape(sizes)) * np.exp(-squares / 2)
    return np.fft.irfftn(noisy, sizes, axes)


def _entropy(cells: np.ndarray) -> float:
    """Entropy in nats of the cells' probabilities: h up to a constant that cancels in I."""
    cells = cells[cells > _LIGHT]
    return -float(cells @ np.log(cells))
