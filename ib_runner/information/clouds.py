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

#: inputs whose clouds are in memory at a time
BLOCK = 256
#: names of the independent sets of draws
CLOUD_A, CLOUD_B, PILOT_A, PILOT_B, POINTS, PILOT_POINTS = 1, 2, 3, 4, 100, 200
_PILOT_INPUTS = 128
#: how many components a mixture may have; more are taken if they gain this many nats
COMPONENTS = (1, 4, 16)
_WORTHWHILE = 0.004


@dataclass(frozen=True)
class Sizes:
    """Draws per input in clouds A and B, and evaluation points per input."""

    n_x: int
    n_o: int
    n_mc: int


def _in_noise_units(s: np.ndarray, centres: np.ndarray, layer: Layer) -> np.ndarray:
    """Draws [n, d, m] about their input's centre; one draw where all are the same."""
    s = s[:, :, :1] if layer.exact else s
    return (s - centres[:, :, None]) / np.float32(unit(layer.beta))


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
    t = s + z
    log2_density = np.empty((n, n_mc))
    reference = -np.square(t - s).sum(1)
    own_cloud_densities(t, reference, np.ascontiguousarray(cloud), log2_density)
    return Points(t, log2_density)


def choose_components(
    sampler: Sampler, layers: list[Layer], sizes: Sizes, rng: np.random.Generator
) -> dict[int, int]:
    """The number of Gaussians a cloud needs in each layer, from pilot draws.

    The distance between the bounds is E ln p̂(t|x) − ln q(t|x), which needs no sums over inputs.
    """
    n_groups = -(-len(sampler) // 16)
    groups = rng.permutation(n_groups)[: _PILOT_INPUTS // 16]
    keep = [layer.number for layer in layers if not layer.exact]
    gaps = {number: np.zeros(len(COMPONENTS)) for number in keep}
    for first in 16 * np.sort(groups) if keep else []:
        last = min(first + 16, len(sampler))
        a = sampler.draw(first, last, sizes.n_x, PILOT_A, keep)
        b = sampler.draw(first, last, sizes.n_o, PILOT_B, keep)
        owners = np.arange(last - first)
        for layer in layers:
            if layer.exact:
                continue
            centres = b[layer.number][:, :, 0]
            cloud = _in_noise_units(a[layer.number], centres, layer)
            n_mc = min(32, sizes.n_x)
            points = draw_points(sampler, layer, first, cloud, n_mc, PILOT_POINTS)
            clouds = _in_noise_units(b[layer.number], centres, layer)
            for k, n_components in enumerate(COMPONENTS):
                sums = mixture_sums(
                    points.t,
                    owners,
                    centres / unit(layer.beta),
                    fit(clouds, n_components),
                    owners,
                )
                gaps[layer.number][k] += np.sum(points.log2_own_cloud - sums.own)
    chosen = {layer.number: 1 for layer in layers}
    for number, gap in gaps.items():
        worthwhile = gap - gap.min() < _WORTHWHILE / LN2 * n_mc * len(groups) * 16
        chosen[number] = COMPONENTS[int(np.argmax(worthwhile))]
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
    for first in range(0, len(sampler), BLOCK):
        s = sampler.draw(first, min(first + BLOCK, len(sampler)), n_o, CLOUD_B, keep)
        for layer in layers:
            k = layer.number
            centres[k].append(s[k][:, :, 0].copy())
            parts[k].append(fit(_in_noise_units(s[k], centres[k][-1], layer), components[k]))
    return {k: Densities(np.concatenate(centres[k]), join(parts[k])) for k in keep}


def evaluation_points(
    sampler: Sampler, layers: list[Layer], densities: dict[int, Densities], sizes: Sizes
) -> dict[int, Points]:
    """Fresh points of every input and layer, from cloud A."""
    keep = [layer.number for layer in layers]
    parts = {number: [] for number in keep}
    for first in range(0, len(sampler), BLOCK):
        last = min(first + BLOCK, len(sampler))
        s = sampler.draw(first, last, sizes.n_x, CLOUD_A, keep)
        for layer in layers:
            k = layer.number
            cloud = _in_noise_units(s[k], densities[k].centres[first:last], layer)
            parts[k].append(draw_points(sampler, layer, first, cloud, sizes.n_mc, POINTS))
    return {
        k: Points(
            np.concatenate([part.t for part in parts[k]]),
            np.concatenate([part.log2_own_cloud for part in parts[k]]),
        )
        for k in keep
    }


def sums_at(layer: Layer, points: Points, densities: Densities, classes: np.ndarray) -> MixtureSums:
    """q(t|x), its sum over the class and over all inputs, at every point."""
    centres = densities.centres.astype(np.float64)
    return mixture_sums(
        points.t,
        np.arange(len(centres)),
        (centres - centres.mean(0)) / unit(layer.beta),
        densities.mixtures,
        classes,
    )
