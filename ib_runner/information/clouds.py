"""Clouds A and B of the coupled estimator: evaluation points from one, densities from the other.

Both are drawn and used block by block, so that no more than a few inputs' draws are in memory.
"""

from dataclasses import dataclass

import numpy as np

from ib_runner.information.bounds import Points
from ib_runner.information.cloud_kernels import own_cloud_densities
from ib_runner.information.conditional_densities import (
    LN2,
    Mixtures,
    MixtureSums,
    fit,
    join,
    mixture_sums,
    unit,
)
from ib_runner.information.normal_numbers import normals
from ib_runner.information.sample_propagation import Layer, Sampler

#: draws, of groups of 16 inputs, that are in memory at a time
_BLOCK_DRAWS = 2**14
#: names of the independent sets of draws
CLOUD_A, CLOUD_B, PILOT_A, PILOT_B, POINTS, PILOT_POINTS = 1, 2, 3, 4, 100, 200
_PILOT_INPUTS = 128
_PILOT_POINTS = 32
_GROUP = 16
#: how many components a mixture may have; more are taken if they gain this many nats
COMPONENTS = (1, 4, 16)
_WORTHWHILE = 0.004


def _in_noise_units(s: np.ndarray, centres: np.ndarray, layer: Layer) -> np.ndarray:
    """Draws [n, d, m] about their input's centre; one draw where all are the same."""
    s = s[:, :, :1] if layer.exact else s
    moved = (s - centres[:, :, None]) / np.float32(unit(layer.beta))
    return np.ascontiguousarray(moved)


def draw_points(
    sampler: Sampler, layer: Layer, first: int, cloud: np.ndarray, n_mc: int, purpose: int
) -> Points:
    """In-sample points t = s + z for inputs ``first``, …: the j-th is made of the j-th draw.

    ``cloud`` [n, d, n_x] in noise units. Only an exact layer, where all draws are one, has
    more points than draws.
    """
    n, dim, n_x = cloud.shape
    z = np.empty((n, dim, n_mc + n_mc % 2), np.float32)
    normals(sampler.seed, purpose + layer.number, first, z)
    z = z[:, :, :n_mc] / np.float32(np.sqrt(2.0 * LN2))
    s = cloud[:, :, :n_mc] if n_x > 1 else cloud
    t = np.ascontiguousarray(s + z)
    log2_density = np.empty((n, n_mc))
    reference = np.ascontiguousarray(-np.square(t - s).sum(1))
    own_cloud_densities(t, reference, cloud, log2_density)
    return Points(t, log2_density)


def pilot_groups(sampler: Sampler, rng: np.random.Generator) -> list[tuple[int, int]]:
    """A random choice of inputs for the pilot: ranges of up to 16 neighbours."""
    n_groups = -(-len(sampler) // _GROUP)
    chosen = np.sort(rng.permutation(n_groups)[: _PILOT_INPUTS // _GROUP])
    return [(_GROUP * g, min(_GROUP * (g + 1), len(sampler))) for g in chosen.tolist()]


def choose_components(
    sampler: Sampler, layers: list[Layer], n_x: int, n_o: int, groups: list[tuple[int, int]]
) -> dict[int, int]:
    """The number of Gaussians a cloud needs in each layer, from pilot draws.

    The distance between the bounds is E ln p̂(t|x) − ln q(t|x), which needs no sums over inputs.
    """
    chosen = {layer.number: 1 for layer in layers}
    layers = [layer for layer in layers if not layer.exact]
    keep = [layer.number for layer in layers]
    gaps = {number: np.zeros(len(COMPONENTS)) for number in keep}
    for first, last in groups if keep else []:
        a = sampler.draw(first, last, n_x, PILOT_A, keep)
        b = sampler.draw(first, last, n_o, PILOT_B, keep)
        owners = np.arange(last - first)
        for layer in layers:
            centres = b[layer.number][:, :, 0]
            cloud = _in_noise_units(a[layer.number], centres, layer)
            n_mc = min(_PILOT_POINTS, n_x)
            points = draw_points(sampler, layer, first, cloud, n_mc, PILOT_POINTS)
            clouds = _in_noise_units(b[layer.number], centres, layer)
            for k, n_components in enumerate(COMPONENTS):
                mixtures = fit(clouds, n_components)
                sums = mixture_sums(points.t, owners, centres / unit(layer.beta), mixtures, owners)
                gaps[layer.number][k] += np.mean(points.log2_own_cloud - sums.own) / len(groups)
    for number, gap in gaps.items():
        good = gap - gap.min() < _WORTHWHILE / LN2
        chosen[number] = COMPONENTS[int(np.argmax(good))]
    return chosen


@dataclass(frozen=True)
class Densities:
    """What cloud B leaves behind for one layer: q(t|x) of all inputs, about their centres."""

    centres: np.ndarray
    mixtures: Mixtures


def fit_densities(
    sampler: Sampler, layers: list[Layer], n_o: int, components: dict[int, int]
) -> dict[int, Densities]:
    """q(t|x) of every input and layer, from cloud B."""
    keep = [layer.number for layer in layers]
    centres = {number: [] for number in keep}
    parts = {number: [] for number in keep}
    for first, last in blocks_of(len(sampler), n_o):
        s = sampler.draw(first, last, n_o, CLOUD_B, keep)
        for layer in layers:
            k = layer.number
            centres[k].append(s[k][:, :, 0].copy())
            parts[k].append(fit(_in_noise_units(s[k], centres[k][-1], layer), components[k]))
    return {k: Densities(np.concatenate(centres[k]), join(parts[k])) for k in keep}


def evaluation_points(
    sampler: Sampler,
    layers: list[Layer],
    densities: dict[int, Densities],
    n_x: int,
    n_mc: dict[int, int],
    blocks: list[tuple[int, int]],
    purposes: tuple[int, int],
) -> dict[int, Points]:
    """Points of every layer for the inputs of ``blocks``, about the centres of ``densities``.

    ``n_x``: draws in each cloud; ``n_mc``: points per input, by layer; ``purposes``: the names of
    the draws of the clouds and of the points.
    """
    keep = [layer.number for layer in layers]
    parts = {number: [] for number in keep}
    for first, last in blocks:
        s = sampler.draw(first, last, n_x, purposes[0], keep)
        for layer in layers:
            k = layer.number
            cloud = _in_noise_units(s[k], densities[k].centres[first:last], layer)
            parts[k].append(draw_points(sampler, layer, first, cloud, n_mc[k], purposes[1]))
    return {
        k: Points(
            np.concatenate([part.t for part in parts[k]]),
            np.concatenate([part.log2_own_cloud for part in parts[k]]),
        )
        for k in keep
    }


def blocks_of(n: int, n_draws: int) -> list[tuple[int, int]]:
    """All of ``n`` inputs in blocks whose clouds of ``n_draws`` fit in memory."""
    step = int(np.clip(_BLOCK_DRAWS // n_draws, 1, 16)) * _GROUP
    return [(first, min(first + step, n)) for first in range(0, n, step)]


def sums_at(
    layer: Layer,
    points: Points,
    blocks: list[tuple[int, int]],
    densities: Densities,
    classes: np.ndarray,
) -> MixtureSums:
    """q(t|x), its sum over the class and over all inputs, at the points of ``blocks``."""
    centres = densities.centres.astype(np.float64)
    return mixture_sums(
        points.t,
        np.concatenate([np.arange(*block) for block in blocks]),
        (centres - centres.mean(0)) / unit(layer.beta),
        densities.mixtures,
        classes,
    )
