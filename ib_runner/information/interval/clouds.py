"""Clouds A and B of the coupled estimator: evaluation points from one, densities from the other.

Both are drawn and used block by block, so that no more than a few inputs' draws are in memory.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ib_runner.information.interval.bounds import Points
from ib_runner.information.interval.mixtures import (
    LN2,
    Densities,
    MixtureSums,
    fit,
    join,
    mixture_sums,
    number_of_evaluations,
    unit,
)
from ib_runner.information.interval.own_clouds import own_cloud_densities
from ib_runner.information.sampling.normal_numbers import normals
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream

#: draws in memory at a time
_BLOCK_DRAWS = 2**14
_GROUP = 16
#: evaluations are counted in one of so many blocks at first
_COUNTED = 8


def lengths_of(layers: Sequence[Layer]) -> dict[int, float]:
    """The noise unit of every layer, by number."""
    return {layer.number: unit(layer.beta) for layer in layers}


def draw_points(
    sampler: Sampler,
    layer: Layer,
    numbers: np.ndarray,
    cloud: np.ndarray,
    n_mc: int,
    purpose: Stream,
) -> Points:
    """In-sample points t = s + z for the inputs ``numbers`` [n]: point j is made from draw j.

    ``cloud`` [n, d, n_x] in noise units. Only an exact layer, whose draws are all equal, has more
    points than draws.
    """
    t, references = in_sample(sampler, layer, numbers, cloud, n_mc, purpose)
    return Points(t, densities_of_own(t, references, cloud))


def in_sample(
    sampler: Sampler,
    layer: Layer,
    numbers: np.ndarray,
    cloud: np.ndarray,
    n_mc: int,
    purpose: Stream,
) -> tuple[np.ndarray, np.ndarray]:
    """The points of ``draw_points`` [n, d, n_mc], and −‖t − s‖² [n, n_mc]."""
    n, dim, n_x = cloud.shape
    z = np.empty((n, dim, n_mc + n_mc % 2), np.float32)
    normals(n, sampler.seed, purpose.of_layer(layer.number), numbers, z)
    s = cloud[:, :, :n_mc] if n_x > 1 else cloud
    t = z[:, :, :n_mc] / np.float32(np.sqrt(2.0 * LN2))
    t += s
    moved = t - s
    return t, -np.einsum("idm,idm->im", moved, moved)


def densities_of_own(t: np.ndarray, references: np.ndarray, cloud: np.ndarray) -> np.ndarray:
    """log2 p̂(t|x) [n, n_mc], relative to the noise's peak, by the draws ``cloud`` [n, d, n_x]."""
    log2_density = np.empty(references.shape)
    own_cloud_densities(len(t), t, references, np.ascontiguousarray(cloud), log2_density)
    return log2_density


def join_points(parts: Sequence[Points]) -> Points:
    """The points of several blocks of inputs as one."""
    return Points(
        np.concatenate([part.t for part in parts]),
        np.concatenate([part.log2_own_cloud for part in parts]),
    )


def fit_densities(
    sampler: Sampler, layers: Sequence[Layer], sizes: Mapping[int, tuple[int, int]]
) -> dict[int, Densities]:
    """q(t|x) of every input and layer, from cloud B.

    All inputs have the same noise where the kernel draws: q may be any density that does not depend
    on the points. ``sizes``: draws and Gaussians for each cloud, by layer.
    """
    keep = [layer.number for layer in layers]
    if not keep:
        return {}
    centres = {number: [] for number in keep}
    parts = {number: [] for number in keep}
    n_o = {k: sizes[k][0] for k in keep}
    for first, last in blocks_of(len(sampler), max(n_o.values())):
        inputs = np.arange(first, last)
        clouds, first_draws = sampler.clouds(
            inputs, n_o, Stream.CLOUD_B, lengths_of(layers), None, common=True
        )
        for k in keep:
            centres[k].append(first_draws[k])
            parts[k].append(fit(np.ascontiguousarray(clouds[k]), sizes[k][1]))
    lengths = lengths_of(layers)
    return {k: Densities(np.concatenate(centres[k]), join(parts[k]), lengths[k]) for k in keep}


def evaluation_points(
    sampler: Sampler,
    layers: Sequence[Layer],
    densities: Mapping[int, Densities],
    n_x: Mapping[int, int],
    n_mc: Mapping[int, int],
) -> dict[int, Points]:
    """Points of every layer for all inputs, about the centres of ``densities``.

    ``n_x``: draws in each cloud A; ``n_mc``: points per input; by layer.
    """
    keep = [layer.number for layer in layers]
    parts = {number: [] for number in keep}
    for first, last in blocks_of(len(sampler), max(n_x[k] for k in keep)):
        about = {k: densities[k].centres[first:last] for k in keep}
        inputs = np.arange(first, last)
        clouds, _ = sampler.clouds(
            inputs, {k: n_x[k] for k in keep}, Stream.CLOUD_A, lengths_of(layers), about
        )
        for layer in layers:
            k = layer.number
            parts[k].append(draw_points(sampler, layer, inputs, clouds[k], n_mc[k], Stream.POINTS))
    return {k: join_points(parts[k]) for k in keep}


def blocks_of(n: int, n_draws: int) -> list[tuple[int, int]]:
    """Blocks (first, last) of ``n`` inputs whose clouds of ``n_draws`` fit in memory."""
    step = int(np.clip(_BLOCK_DRAWS // n_draws, 1, 16)) * _GROUP
    return [(first, min(first + step, n)) for first in range(0, n, step)]


def sums_at(
    points: Points,
    blocks: Sequence[tuple[int, int]],
    densities: Densities,
    classes: np.ndarray,
) -> MixtureSums:
    """q(t|x), its sum over the class and over all inputs, at the points of ``blocks``."""
    return mixture_sums(points.t, owners_of(blocks), densities, classes)


def evaluations_at(points: Points, densities: Densities, enough: float) -> int:
    """About the number of components that ``sums_at`` would evaluate at ``points`` of all inputs.

    Counted in some blocks of inputs; in all of them where it is more than half of ``enough``.
    """
    at = points.t, np.arange(len(points.t)), densities
    roughly = number_of_evaluations(*at, every=_COUNTED)
    return roughly if 2 * roughly <= enough else number_of_evaluations(*at)


def owners_of(blocks: Sequence[tuple[int, int]]) -> np.ndarray:
    """The inputs of ``blocks``, by number."""
    return np.concatenate([np.arange(*block) for block in blocks])
