"""The estimator's two inner loops: own clouds, and the mixtures of all inputs.

Coordinates are in units of β·√(2 ln 2), where the noise's kernel is 2^(−‖u‖²); all values are log2
of densities relative to the noise's peak (2πβ²)^(−d/2), which cancels in every ratio. Differences
are taken in coordinates centred near the cloud, never by the matrix-product trick.
"""

import numba
import numpy as np

from ib_runner.vector_math import exp2

#: a term is held at 2 to this power, and a sum that has reached it is taken again, rescaled
_HIGHEST_EXPONENT = 64.0
_OVERFLOWING = 2.0**60
#: inputs are tested for nearness in blocks
_BLOCK = 256
_f = np.float32


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _sum_of_powers(q, reference):
    total = _f(0.0)
    for c in range(q.size):
        total += exp2(min(q[c] - reference, _f(_HIGHEST_EXPONENT)))
    return np.float64(total)


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _highest(q):
    highest = q[0]
    for c in range(q.size):
        highest = max(highest, q[c])
    return highest


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _subtract_squares(u, coordinates, q):
    for k in range(q.size):
        difference = u - coordinates[k]
        q[k] -= difference * difference


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _own_cloud_densities(points, references, cloud, out):
    q = np.empty(cloud.shape[1], np.float32)
    for j in range(points.shape[1]):
        for k in range(q.size):
            q[k] = -references[j]
        for i in range(points.shape[0]):
            _subtract_squares(points[i, j], cloud[i], q)
        out[j] = np.log2(_sum_of_powers(q, _f(0.0)) / q.size) + references[j]


@numba.njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def own_cloud_densities(points, references, clouds, out):
    """log2 of the plug-in densities of n clouds, each at its own points, into ``out`` [n, m].

    ``points`` [n, d, m], ``clouds`` [n, d, draws]: the density is the mean over the draws of
    2^(−‖u − c‖²). ``references`` [n, m]: an exponent −‖u − c‖² of one of the draws (in-sample, the
    one that made the point), which keeps the sum from underflow.
    """
    for c in numba.prange(points.shape[0]):
        _own_cloud_densities(points[c], references[c], clouds[c], out[c])


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _raise_distances(low, high, inverse_width, box_low, box_high, distance):
    """Raise ``distance`` to gap²/width along one axis; the gap is that between two intervals."""
    for j in range(low.size):
        gap = max(max(low[j] - box_high, box_low - high[j]), _f(0.0))
        distance[j] = max(distance[j], gap * gap * inverse_width[j])


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _exponents(rows, count, points, j, work):
    """log2 of ``count`` components at one point, into ``work[0, :count]``.

    ``work`` [d + 2, chunk] is scratch: q, y and u − mean.
    """
    dim = points.shape[0]
    q = work[0, :count]
    y = work[1, :count]
    first = rows[0, :count]
    for c in range(count):
        q[c] = first[c]
    for i in range(dim):
        u = points[i, j]
        mean = rows[1 + i, :count]
        difference = work[2 + i, :count]
        for c in range(count):
            difference[c] = u - mean[c]
        row = 1 + dim + i * (i + 1) // 2
        for c in range(count):
            y[c] = _f(0.0)
        for k in range(i):
            factor = rows[row + k, :count]
            moved = work[2 + k, :count]
            for c in range(count):
                y[c] += factor[c] * moved[c]
        factor = rows[row + i, :count]
        for c in range(count):
            last = y[c] + factor[c] * difference[c]
            q[c] -= last * last
    return q


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _add_chunk(rows, count, points, work, reference, total):
    """Add ``count`` components to the sums ``total`` [m], in units of 2^reference."""
    for j in range(points.shape[1]):
        q = _exponents(rows, count, points, j, work)
        added = _sum_of_powers(q, _f(reference[j]))
        if added > _OVERFLOWING:
            highest = np.float64(_highest(q))
            total[j] *= 2.0 ** (reference[j] - highest)
            reference[j] = highest
            added = _sum_of_powers(q, _f(highest))
        total[j] += added


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _gather(records, r, shift, rows, c):
    dim = shift.size
    rows[0, c] = records[r, 0]
    for k in range(dim):
        rows[1 + k, c] = records[r, 1 + k] + shift[k]
    for k in range(1 + dim, records.shape[1]):
        rows[k, c] = records[r, k]


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _find_near(points, centre, low, high, inverse_width, slack, threshold, near):
    box_low = np.empty(points.shape[0], np.float32)
    box_high = np.empty(points.shape[0], np.float32)
    for i in range(points.shape[0]):
        lowest = points[i, 0]
        highest = points[i, 0]
        for j in range(points.shape[1]):
            lowest = min(lowest, points[i, j])
            highest = max(highest, points[i, j])
        box_low[i] = centre[i] + lowest - slack
        box_high[i] = centre[i] + highest + slack
    distance = np.empty(_BLOCK, np.float32)
    n_near = 0
    for begin in range(0, low.shape[1], _BLOCK):
        end = min(begin + _BLOCK, low.shape[1])
        for j in range(_BLOCK):
            distance[j] = _f(0.0)
        for i in range(points.shape[0]):
            _raise_distances(
                low[i, begin:end],
                high[i, begin:end],
                inverse_width[i, begin:end],
                box_low[i],
                box_high[i],
                distance,
            )
        for j in range(end - begin):
            near[n_near] = begin + j
            n_near += distance[j] <= threshold
    return n_near


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _own_mixture(points, records, rows, work, reference, own):
    """log2 of one mixture at ``points`` [d, m]; its highest term is the first reference."""
    shift = np.zeros(points.shape[0], np.float32)
    for j in range(own.size):
        own[j] = 0.0
    count = 0
    for r in range(records.shape[0]):
        _gather(records, r, shift, rows, count)
        count += 1
        if count == rows.shape[1] or r + 1 == records.shape[0]:
            if r < rows.shape[1]:
                for j in range(own.size):
                    reference[j] = _highest(_exponents(rows, count, points, j, work))
            _add_chunk(rows, count, points, work, reference, own)
            count = 0
    for j in range(own.size):
        own[j] = reference[j] + np.log2(own[j])


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _add_others(
    points, owner, near, classes, same, centres, records, offsets, rows, work, reference, total
):
    """Add the mixtures of the inputs ``near`` whose class is the owner's, or is not.

    In units of 2^reference; the owner's own mixture is left out.
    """
    shift = np.zeros(points.shape[0], np.float32)
    added = 0
    count = 0
    for other in near:
        if other != owner and (classes[other] == classes[owner]) == same:
            for k in range(points.shape[0]):
                shift[k] = centres[other, k] - centres[owner, k]
            for r in range(offsets[other], offsets[other + 1]):
                _gather(records, r, shift, rows, count)
                count += 1
                if count == rows.shape[1]:
                    _add_chunk(rows, count, points, work, reference, total)
                    added += count
                    count = 0
    _add_chunk(rows, count, points, work, reference, total)
    return added + count


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _add_at(
    points,
    owner,
    centres,
    classes,
    records,
    offsets,
    low,
    high,
    inverse_width,
    slack,
    bits,
    own,
    same,
    total,
    count_only,
):
    """``add_mixtures`` for the points of one input; returns the number of evaluations."""
    # the records of a chunk, one row a number, stay in the first cache
    chunk = max(32, min(256, 6144 // records.shape[1] // 32 * 32))
    rows = np.empty((records.shape[1], chunk), np.float32)
    work = np.empty((points.shape[0] + 2, chunk), np.float32)
    reference = np.empty(own.size)
    own_records = records[offsets[owner] : offsets[owner + 1]]
    _own_mixture(points, own_records, rows, work, reference, own)
    near = np.empty(centres.shape[0] + 1, np.int64)
    lowest = np.inf
    for j in range(own.size):
        lowest = min(lowest, own[j])
    threshold = _f(bits - lowest)
    n_near = _find_near(points, centres[owner], low, high, inverse_width, slack, threshold, near)
    evaluations = own.size * own_records.shape[0]
    if count_only:
        for other in near[:n_near]:
            if other != owner:
                evaluations += own.size * (offsets[other + 1] - offsets[other])
        return evaluations
    for j in range(own.size):
        reference[j] = own[j]
        total[j] = 1.0
    for of_own_class in (True, False):
        evaluations += own.size * _add_others(
            points,
            owner,
            near[:n_near],
            classes,
            of_own_class,
            centres,
            records,
            offsets,
            rows,
            work,
            reference,
            total,
        )
        if of_own_class:
            for j in range(own.size):
                same[j] = reference[j] + np.log2(total[j])
    for j in range(own.size):
        total[j] = reference[j] + np.log2(total[j])
    return evaluations


@numba.njit(cache=True, parallel=True, fastmath=True, error_model="numpy")
def add_mixtures(
    points,
    owners,
    centres,
    classes,
    records,
    offsets,
    low,
    high,
    inverse_width,
    slack,
    bits,
    own,
    same,
    total,
    evaluations,
    count_only,
):
    """Add up the mixtures of N inputs at points drawn by n of them, pruned.

    ``points`` [n, d, m]: float32, relative to the centre of the input that drew them. ``owners``
    [n]: those inputs. ``centres`` [N, d] (float64). ``classes`` [N]. ``records`` [K, R] and
    ``offsets`` [N + 1]: the mixtures (see ``mixture_fit``). ``low``, ``high``,
    ``inverse_width`` [d, N]: float32 boxes around the components' means, and 1/largest diagonal
    of I + 2 ln 2·covariance. ``slack``: the boxes' rounding error. ``own``, ``same`` and
    ``total`` [n, m] (float64) receive log2 of the own mixture, of the sum over the own class and
    of that over all; ``evaluations`` [n] (int64) the number of component evaluations. With
    ``count_only`` they are counted without being made, but for the own mixtures'.

    An input is left out of a sum when it adds less than 2^(−``bits``) of the own term at all of
    the points: its mixture is at most 2^(−g²/w) there, with g the gap between the two boxes along
    any coordinate and w the width there (vᵀM⁻¹v ≥ v_i²/M_ii for every positive definite M).
    """
    for x in numba.prange(points.shape[0]):
        evaluations[x] = _add_at(
            points[x],
            owners[x],
            centres,
            classes,
            records,
            offsets,
            low,
            high,
            inverse_width,
            slack,
            bits,
            own[x],
            same[x],
            total[x],
            count_only,
        )
