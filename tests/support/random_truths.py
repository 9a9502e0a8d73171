"""I(X;T) of small layers in float64: what intervals of random networks are held against.

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

#: nodes of the quadrature over the noise below, by its units, in two finenesses; its reach
NODES, REACH = {1: (601, 997), 2: (65, 91)}, 8.0
#: the spacing of the grid, and what it covers beyond the centres, in standard deviations
SPACING, BEYOND = 0.2, 7.0
#: the most places of a grid
MOST_PLACES = 1_000_000
#: the most that the two finenesses may differ, and what is allowed for beside it, nats
UNSURE, ROOM = 0.02, 1e-3
#: centres of less weight count for nothing
_LIGHT = 1e-14


def truth(points: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """I(U; U + N(0, 1)) lies between these, for U uniform over ``points`` [N, d], float64.

    The value itself where the points lie on a line, else bounds from pairs (Kolchinsky and Tracey,
    2017). ``classes``: equal inputs have equal points.
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
    """Points further apart than 60 are told apart; the others by the trapezoidal rule."""
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
    """I(X;T) of T = ``between``(``channel``(S)) + N(0, ``beta``²) lies between these, nats.

    ``s`` [N, …] as the network computes it. None where float64 does not know it so simply: too many
    units, clouds too wide for the grid, or where float32 is too coarse for the network itself.
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
        # about one of them: far from the origin their distances would be rounded
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
    """What the noise adds, or multiplies by, [k, units], and how likely it is [k]."""
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
    """Probabilities of the grid's cells, each weight shared out to the places about its centre.

    Sharing a weight out widens it: by that variance the noise is made narrower.
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
    """Of probabilities of cells; of the density less a constant, the same for all densities."""
    cells = cells[cells > _LIGHT]
    return -float(cells @ np.log(cells))
