"""A small Gaussian mixture for every cloud: the densities q(t|x) of the certified interval.

A cloud is split in two at its mean along its principal axis, then again the part with the most
weight and spread, until no part is wide against the noise or the number of parts is reached. Every
part becomes one Gaussian with its mean and its covariance + β²I; several parts get one more
Gaussian, of the whole cloud, for the tails. Any q gives valid bounds; a good q makes them tight.

Coordinates are in units of β·√(2 ln 2), so that the noise's kernel is 2^(−‖u‖²). A component is a
record of 1 + d + d(d+1)/2 numbers: log2 of (weight / det L), its mean, and L⁻¹ row by row, where
L Lᵀ = I + 2 ln 2 · covariance; its density is record[0] − ‖L⁻¹(u − mean)‖² as a power of 2,
relative to the peak of the noise's density.
"""

from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, parallel_range

#: a part is split while its largest variance exceeds this many β²
_WIDE = 0.1
#: parts with fewer draws stay whole
_FEWEST = 16
_POWER_STEPS = 12
#: weight of a Gaussian for the whole cloud beside the parts: it bounds −ln q in the tails
_WHOLE = 0.05
_f = np.float32


class Scratch(NamedTuple):
    """Room for fitting one cloud [d, n] at a time by p parts.

    ``begins``, ``ends`` and ``spreads`` [p + 1] of the parts, ``means`` and ``axes`` [p + 1, d],
    ``covariances`` [p + 1, d, d]. ``order`` [n]: the draws, part by part; ``centred`` [d, n] about
    their mean. ``image`` [d]: of an axis. ``lower``, ``inverse`` [d, d]: a Cholesky factor.
    """

    begins: np.ndarray
    ends: np.ndarray
    spreads: np.ndarray
    means: np.ndarray
    axes: np.ndarray
    covariances: np.ndarray
    order: np.ndarray
    centred: np.ndarray
    image: np.ndarray
    lower: np.ndarray
    inverse: np.ndarray


def record_length(dim: int) -> int:
    """Numbers in the record of one component in ``dim`` dimensions."""
    return 1 + dim + dim * (dim + 1) // 2


@inner(error_model="numpy")
def _moments(cloud, order, begin, end, mean, covariance):
    """Mean [d] and covariance [d, d] of the draws ``order[begin:end]`` of a cloud [d, n]."""
    dim = cloud.shape[0]
    count = end - begin
    for i in range(dim):
        total = 0.0
        for k in range(begin, end):
            total += cloud[i, order[k]]
        mean[i] = total / count
    for i in range(dim):
        for j in range(i + 1):
            total = 0.0
            for k in range(begin, end):
                total += (cloud[i, order[k]] - mean[i]) * (cloud[j, order[k]] - mean[j])
            covariance[i, j] = total / count
            covariance[j, i] = covariance[i, j]


@inner(fastmath=True, error_model="numpy")
def _whole_moments(cloud, mean, covariance, centred):
    """``_moments`` of all draws of a cloud, in their order: vector code."""
    dim, n = cloud.shape
    for i in range(dim):
        total = 0.0
        for k in range(n):
            total += cloud[i, k]
        mean[i] = total / n
        for k in range(n):
            centred[i, k] = cloud[i, k] - mean[i]
    for i in range(dim):
        a = centred[i]
        for j in range(i + 1):
            b = centred[j]
            total = 0.0
            for k in range(n):
                total += a[k] * b[k]
            covariance[i, j] = total / n
            covariance[j, i] = covariance[i, j]


@inner(error_model="numpy")
def _principal_axis(covariance, axis, image):
    """The leading eigenvector into ``axis`` [d], roughly; returns its variance."""
    dim = axis.size
    widest = 0
    for i in range(dim):
        if covariance[i, i] > covariance[widest, widest]:
            widest = i
    for i in range(dim):
        image[i] = covariance[widest, i]
    variance = 0.0
    for _ in range(_POWER_STEPS):
        norm = 0.0
        for i in range(dim):
            norm += image[i] * image[i]
        if norm == 0.0:
            return 0.0
        for i in range(dim):
            axis[i] = image[i] / np.sqrt(norm)
        variance = 0.0
        for i in range(dim):
            image[i] = 0.0
            for j in range(dim):
                image[i] += covariance[i, j] * axis[j]
            variance += axis[i] * image[i]
    return variance


@inner(error_model="numpy")
def _write_record(mean, covariance, weight, lower, inverse, record):
    """Cholesky factor of I + 2 ln 2 · covariance, inverted; see the top of the module."""
    dim = mean.size
    log2_det = 0.0
    for i in range(dim):
        for j in range(i + 1):
            value = 2.0 * np.log(2.0) * covariance[i, j]
            if i == j:
                value += 1.0
            for k in range(j):
                value -= lower[i, k] * lower[j, k]
            lower[i, j] = np.sqrt(max(value, 1e-12)) if i == j else value / lower[j, j]
        log2_det += np.log2(lower[i, i])
    for j in range(dim):
        for i in range(j, dim):
            value = 1.0 if i == j else 0.0
            for k in range(j, i):
                value -= lower[i, k] * inverse[k, j]
            inverse[i, j] = value / lower[i, i]
    record[0] = np.log2(weight) - log2_det
    position = 1
    for i in range(dim):
        record[position] = mean[i]
        position += 1
    for i in range(dim):
        for j in range(i + 1):
            record[position] = inverse[i, j]
            position += 1


@inner(error_model="numpy")
def _split(cloud, order, begin, end, mean, axis):
    """Bring the draws of ``order[begin:end]`` below the mean along ``axis`` to the front."""
    front = begin
    for k in range(begin, end):
        projection = 0.0
        for i in range(axis.size):
            projection += axis[i] * (cloud[i, order[k]] - mean[i])
        if projection < 0.0:
            order[front], order[k] = order[k], order[front]
            front += 1
    return front


@inner(error_model="numpy")
def _widest_part(begins, ends, spreads, count, noise_variance):
    """Number of the part with the most weight and spread, or −1 if no part is to be split."""
    worst = -1
    highest = 0.0
    for p in range(count):
        size = ends[p] - begins[p]
        if size >= 2 * _FEWEST and spreads[p] > _WIDE * noise_variance:
            score = size * np.log1p(spreads[p] / noise_variance)
            if score > highest:
                worst = p
                highest = score
    return worst


@inner(error_model="numpy")
def _write_box(means, covariances, count, box):
    for i in range(means.shape[1]):
        box[0, i] = means[0, i]
        box[1, i] = means[0, i]
        box[2, i] = 1.0
        for p in range(count):
            box[0, i] = min(box[0, i], means[p, i])
            box[1, i] = max(box[1, i], means[p, i])
            box[2, i] = max(box[2, i], 1.0 + 2.0 * np.log(2.0) * covariances[p, i, i])


@inner(error_model="numpy")
def _fit(cloud, noise_variance, scratch, records, box):
    """Fit one cloud [d, n]; returns the number of components used."""
    most, n_draws = records.shape[0], cloud.shape[1]
    begins, ends, spreads, order = scratch.begins, scratch.ends, scratch.spreads, scratch.order
    means, covariances, axes = scratch.means, scratch.covariances, scratch.axes
    begins[0] = 0
    ends[0] = n_draws
    _whole_moments(cloud, means[0], covariances[0], scratch.centred)
    for k in range(order.size):
        order[k] = k
    if most > 2:  # else it is not split
        spreads[0] = _principal_axis(covariances[0], axes[0], scratch.image)
    count = np.int64(1)  # a literal would have functions compiled once more
    while count < most - 1:
        p = _widest_part(begins, ends, spreads, count, noise_variance)
        if p < 0:
            break
        middle = _split(cloud, order, begins[p], ends[p], means[p], axes[p])
        begins[count] = middle
        ends[count] = ends[p]
        ends[p] = middle
        for part in (p, count):
            _moments(cloud, order, begins[part], ends[part], means[part], covariances[part])
            spreads[part] = _principal_axis(covariances[part], axes[part], scratch.image)
        count += 1
    if count > 1:
        _whole_moments(cloud, means[count], covariances[count], scratch.centred)
        begins[count] = 0
        ends[count] = n_draws
        count += 1
    for p in range(count):
        weight = (ends[p] - begins[p]) / n_draws
        if count > 1:
            weight *= _WHOLE if p == count - 1 else 1.0 - _WHOLE
        _write_record(means[p], covariances[p], weight, scratch.lower, scratch.inverse, records[p])
    _write_box(means, covariances, count, box)
    return count


@parallel_range(error_model="numpy")
def fit_gaussian_mixtures(begin, end, clouds, noise_variance, records, counts, boxes):
    """Fit every cloud of ``clouds`` [N, d, n] (float32, units of β·√(2 ln 2)).

    ``noise_variance``: β² in these units. Writes ``records`` [N, most components,
    record_length(d)], ``counts`` [N] of components used, and ``boxes`` [N, 3, d]: per coordinate,
    the lowest and the highest mean of any component and the largest 1 + 2 ln 2·variance.
    """
    most = records.shape[1]
    dim, n_draws = clouds.shape[1:]
    scratch = Scratch(
        np.empty(most + 1, np.int64),
        np.empty(most + 1, np.int64),
        np.empty(most + 1),
        np.empty((most + 1, dim)),
        np.empty((most + 1, dim)),
        np.empty((most + 1, dim, dim)),
        np.empty(n_draws if most > 2 else 0, np.int64),
        np.empty((dim, n_draws)),
        np.empty(dim),
        np.empty((dim, dim)),
        np.empty((dim, dim)),
    )
    for c in range(begin, end):
        counts[c] = _fit(clouds[c], noise_variance, scratch, records[c], boxes[c])
