"""The two inner loops of the coupled estimator: p̂(t|x) from one cloud, q(t|x) from all mixtures.

Coordinates are in units of β·√(2 ln 2), where the noise's kernel is 2^(−‖u‖²); all values are log2
of densities relative to the noise's peak (2πβ²)^(−d/2), which cancels in every ratio. Differences
are taken in coordinates centred near the cloud, never by the matrix-product trick.
"""

from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, parallel_range
from ib_runner.vector_math import exp2

_f = np.float32
#: a term of 2 to this power or more becomes the unit in which its sum is kept
_HIGHEST_EXPONENT = _f(60.0)
#: log2 of more components than the mixture of an input has
_MOST_COMPONENTS_BITS = 5.0
#: terms summed in float32 before that partial sum is added to the total in float64
_TERMS = 32


class Queries(NamedTuple):
    """Points [n, d, m] float32 about their owners' centres, in blocks of owners that lie together.

    ``owners`` [n] are inputs; block b has the rows ``rows[starts[b]:starts[b + 1]]`` of ``points``,
    all of one class.
    """

    points: np.ndarray
    owners: np.ndarray
    rows: np.ndarray
    starts: np.ndarray


class Components(NamedTuple):
    """The mixtures of N inputs: ``records`` [K, R] (see ``mixture_fit``); the records of input x
    begin at ``offsets[x]``, relative to row x of ``centres`` [N, d] (float64); ``classes`` [N].
    """

    centres: np.ndarray
    records: np.ndarray
    offsets: np.ndarray
    classes: np.ndarray


class Boxes(NamedTuple):
    """Where each input's components are, the inputs sorted along one axis.

    ``order`` [N]: the inputs. ``low``, ``high``, ``inverse_width`` [d, N], in that order: boxes
    around the components' means, and 1/largest diagonal of I + 2 ln 2·covariance. ``axis`` [d]: a
    unit vector, ``begins`` [N], ascending: the least projection of each box on ``axis``,
    ``longest`` the longest projection of any box, and ``width`` the largest of
    vᵀ(I + 2 ln 2·covariance)v for v = ``axis``. ``slack``: the boxes' rounding error. An input is
    near a block if its term may exceed 2^(−``bits``) times the least own term of the block.
    """

    order: np.ndarray
    low: np.ndarray
    high: np.ndarray
    inverse_width: np.ndarray
    axis: np.ndarray
    begins: np.ndarray
    longest: float
    width: float
    slack: float
    bits: float


class Sums(NamedTuple):
    """Results: log2 sums [n, m] (float64) and evaluations [blocks] (int64)."""

    own: np.ndarray
    same: np.ndarray
    total: np.ndarray
    evaluations: np.ndarray


@inner(fastmath=True, error_model="numpy")
def _own_cloud_densities(points, references, cloud, out):
    q = np.empty(cloud.shape[1], np.float32)
    for j in range(points.shape[1]):
        for k in range(q.size):
            q[k] = -references[j]
        for i in range(points.shape[0]):
            u = points[i, j]
            for k in range(q.size):
                difference = u - cloud[i, k]
                q[k] -= difference * difference
        total = _f(0.0)
        for k in range(q.size):
            total += exp2(min(q[k], _HIGHEST_EXPONENT))
        out[j] = np.log2(np.float64(total) / q.size) + references[j]


@parallel_range(fastmath=True, error_model="numpy")
def own_cloud_densities(begin, end, points, references, clouds, out):
    """log2 of the plug-in densities of n clouds, each at its own points, into ``out`` [n, m].

    ``points`` [n, d, m], ``clouds`` [n, d, draws]: the density is the mean over the draws of
    2^(−‖u − c‖²). ``references`` [n, m]: the exponent −‖u − c‖² of one draw, in-sample of the draw
    that made the point, so that the sum cannot underflow.
    """
    for c in range(begin, end):
        _own_cloud_densities(points[c], references[c], clouds[c], out[c])


@inner(error_model="numpy")
def _lay_out(record, shift, factor, middle):
    """The rows of L⁻¹ of one component into ``factor`` [d, d], and L⁻¹·mean into ``middle`` [d]."""
    dim = middle.size
    at = 1 + dim
    for i in range(dim):
        at_mean = 0.0
        for k in range(i + 1):
            factor[i, k] = record[at + k]
            at_mean += np.float64(record[at + k]) * np.float64(record[1 + k] + shift[k])
        middle[i] = at_mean
        at += i + 1


@inner(fastmath=True, error_model="numpy")
def _exponents(constant, factor, middle, u, base, q, y):
    """log2 of one component at the points ``u`` [d, p] less ``base`` [p], into ``q`` [p].

    ``constant``: its record's first number; ``y`` [p] is scratch. Few passes over the points, each
    of which stores to one array: only then is it vector code.
    """
    dim = u.shape[0]
    u0 = u[0]
    f00 = factor[0, 0]
    m0 = middle[0]
    if dim == 1:
        for j in range(q.size):
            a = f00 * u0[j] - m0
            q[j] = constant - base[j] - a * a
        return
    u1 = u[1]
    f10 = factor[1, 0]
    f11 = factor[1, 1]
    m1 = middle[1]
    if dim == 2:
        for j in range(q.size):
            a = f00 * u0[j] - m0
            b = f10 * u0[j] + f11 * u1[j] - m1
            q[j] = constant - base[j] - a * a - b * b
        return
    u2 = u[2]
    f20 = factor[2, 0]
    f21 = factor[2, 1]
    f22 = factor[2, 2]
    m2 = middle[2]
    for j in range(q.size):
        a = f00 * u0[j] - m0
        b = f10 * u0[j] + f11 * u1[j] - m1
        c = f20 * u0[j] + f21 * u1[j] + f22 * u2[j] - m2
        q[j] = constant - base[j] - a * a - b * b - c * c
    for i in range(3, dim):
        f0 = factor[i, 0]
        f1 = factor[i, 1]
        f2 = factor[i, 2]
        f3 = factor[i, 3]
        u3 = u[3]
        m = middle[i]
        if i == 3:
            for j in range(q.size):
                one = f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j] - m
                q[j] -= one * one
            continue
        for j in range(y.size):
            y[j] = f0 * u0[j] + f1 * u1[j] + f2 * u2[j] + f3 * u3[j] - m
        k = 4
        while k + 2 <= i + 1:
            f0 = factor[i, k]
            f1 = factor[i, k + 1]
            v0 = u[k]
            v1 = u[k + 1]
            for j in range(y.size):
                y[j] += f0 * v0[j] + f1 * v1[j]
            k += 2
        if k == i:
            f0 = factor[i, i]
            v0 = u[i]
            for j in range(y.size):
                y[j] += f0 * v0[j]
        for j in range(q.size):
            q[j] -= y[j] * y[j]


@inner(fastmath=True, error_model="numpy")
def _flush(part, total):
    for j in range(part.size):
        total[j] += part[j]
        part[j] = _f(0.0)


@inner(fastmath=True, error_model="numpy")
def _add(records, shift, factor, middle, u, q, y, reference, part, total, pending, least):
    """Add the components ``records`` to the sums ``total`` + ``part`` [p], in units of
    2^``reference``, but those below 2^``least`` of that at all points; ``pending``: number of terms
    in ``part``. Returns that number afterwards.
    """
    for r in range(records.shape[0]):
        _lay_out(records[r], shift, factor, middle)
        _exponents(records[r, 0], factor, middle, u, reference, q, y)
        highest = _f(-np.inf)
        for j in range(q.size):
            highest = max(highest, q[j])
        if highest < least:
            continue
        if highest > _HIGHEST_EXPONENT:
            _flush(part, total)
            for j in range(q.size):
                if q[j] > _HIGHEST_EXPONENT:
                    raised = reference[j] + q[j]
                    total[j] *= 2.0 ** (np.float64(reference[j]) - np.float64(raised))
                    reference[j] = raised
                    q[j] = _f(0.0)
        for j in range(q.size):
            part[j] += exp2(q[j])
        pending += 1
        if pending == _TERMS:
            _flush(part, total)
            pending = 0
    return pending


@inner(fastmath=True, error_model="numpy")
def _own(records, shift, factor, middle, u, q, y, reference, part, total):
    """One mixture at ``u`` [d, p]: log2 of its highest term into ``reference``, of the sum of its
    terms into ``total``.
    """
    for j in range(total.size):
        total[j] = 0.0
        part[j] = _f(0.0)
    for r in range(records.shape[0]):
        _lay_out(records[r], shift, factor, middle)
        _exponents(records[r, 0], factor, middle, u, part, q, y)
        for j in range(q.size):
            reference[j] = q[j] if r == 0 else max(reference[j], q[j])
    all_terms = _f(-3e38)
    pending = np.int64(0)  # a literal would have ``_add`` compiled once more
    _add(records, shift, factor, middle, u, q, y, reference, part, total, pending, all_terms)
    _flush(part, total)
    for j in range(total.size):
        total[j] = reference[j] + np.log2(total[j])


@inner(error_model="numpy")
def _first_from(ascending, value):
    """The place of the first of ``ascending`` that is not below ``value``."""
    first = 0
    end = ascending.size
    while first < end:
        middle = (first + end) // 2
        if ascending[middle] < value:
            first = middle + 1
        else:
            end = middle
    return first


@inner(fastmath=True, error_model="numpy")
def _find_near(u, origin, lowest, boxes, near):
    """Write the inputs near points ``u`` [d, p] about ``origin`` to ``near``; returns how many."""
    dim, n = u.shape
    threshold = _f(boxes.bits - lowest)
    begin = np.inf
    end = -np.inf
    for j in range(n):
        at = 0.0
        for i in range(dim):
            at += boxes.axis[i] * (origin[i] + u[i, j])
        begin = min(begin, at)
        end = max(end, at)
    reach = np.sqrt(max(boxes.bits - lowest, 0.0) * boxes.width) + boxes.slack * dim
    first = _first_from(boxes.begins, begin - reach - boxes.longest)
    last = _first_from(boxes.begins, end + reach)
    distance = np.zeros(last - first, np.float32)
    for i in range(dim):
        lowest_here = u[i, 0]
        highest_here = u[i, 0]
        for j in range(n):
            lowest_here = min(lowest_here, u[i, j])
            highest_here = max(highest_here, u[i, j])
        box_low = _f(origin[i] + lowest_here - boxes.slack)
        box_high = _f(origin[i] + highest_here + boxes.slack)
        low = boxes.low[i, first:last]
        high = boxes.high[i, first:last]
        inverse_width = boxes.inverse_width[i, first:last]
        for k in range(distance.size):
            gap = max(max(low[k] - box_high, box_low - high[k]), _f(0.0))
            distance[k] = max(distance[k], gap * gap * inverse_width[k])
    n_near = 0
    for k in range(distance.size):
        near[n_near] = boxes.order[first + k]
        n_near += distance[k] <= threshold
    return n_near


@inner(fastmath=True, error_model="numpy")
def _add_block(queries, first, last, components, boxes, sums, count_only):
    """``add_mixtures`` for one block; returns the number of evaluations."""
    dim, m = queries.points.shape[1:]
    n = (last - first) * m
    origin = components.centres[queries.owners[queries.rows[first]]]
    u = np.empty((dim, n), np.float32)
    of_owner = np.empty((dim, m), np.float32)
    shift = np.empty(dim, np.float32)
    factor = np.empty((dim, dim), np.float32)
    middle = np.empty(dim, np.float32)
    q = np.empty(n, np.float32)
    y = np.empty(n, np.float32)
    reference = np.empty(n, np.float32)
    part = np.empty(n, np.float32)
    total = np.empty(n)
    evaluations = 0
    lowest = np.inf
    for k in range(first, last):
        row = queries.rows[k]
        owner = queries.owners[row]
        begin = (k - first) * m
        for i in range(dim):
            shift[i] = components.centres[owner, i] - origin[i]
            for j in range(m):
                of_owner[i, j] = queries.points[row, i, j] + shift[i]
                u[i, begin + j] = of_owner[i, j]
        records = components.records[components.offsets[owner] : components.offsets[owner + 1]]
        here = reference[begin : begin + m]
        _own(
            records,
            shift,
            factor,
            middle,
            of_owner,
            q[:m],
            y[:m],
            here,
            part[:m],
            total[:m],
        )
        evaluations += m * records.shape[0]
        for j in range(m):
            sums.own[row, j] = total[j]
            lowest = min(lowest, total[j])
            here[j] = total[j]
    near = np.empty(components.centres.shape[0] + 1, np.int64)
    n_near = _find_near(u, origin, lowest, boxes, near)
    of_class = components.classes[queries.owners[queries.rows[first]]]
    for j in range(n):
        total[j] = 0.0
        part[j] = _f(0.0)
    pending = np.int64(0)
    least = _f(-boxes.bits - _MOST_COMPONENTS_BITS)
    for of_own_class in (True, False):
        for x in near[:n_near]:
            if (components.classes[x] == of_class) == of_own_class:
                records = components.records[components.offsets[x] : components.offsets[x + 1]]
                evaluations += n * records.shape[0]
                if not count_only:
                    for i in range(dim):
                        shift[i] = components.centres[x, i] - origin[i]
                    pending = _add(
                        records,
                        shift,
                        factor,
                        middle,
                        u,
                        q,
                        y,
                        reference,
                        part,
                        total,
                        pending,
                        least,
                    )
        _flush(part, total)
        pending = 0
        for k in range(first, last):
            row = queries.rows[k]
            for j in range(m):
                at = (k - first) * m + j
                log2_sum = reference[at] + np.log2(total[at])
                sums.total[row, j] = log2_sum
                if of_own_class:
                    sums.same[row, j] = log2_sum
    return evaluations


@parallel_range(fastmath=True, error_model="numpy")
def add_mixtures(begin, end, queries, components, boxes, sums, count_only):
    """Add up the mixtures of N inputs at points drawn by some of them, pruned.

    Fills ``sums``: log2 of the own mixture, of the sum over the own class, of the sum over all
    inputs, and the number of component evaluations. With ``count_only`` evaluations are only
    counted, except for those of the own mixtures, which are made.

    An input is left out of a block's sums when it adds less than 2^(−``bits``) of the own term at
    all of the block's points: its mixture is at most 2^(−g²/w) there, with g the gap between the
    boxes of means and points along any direction v and w = vᵀMv of the widest component, as
    uᵀM⁻¹u ≥ (v·u)²/(vᵀMv) for every positive definite M (Cauchy and Schwarz). One direction, the
    same for all, bounds a range of the sorted inputs; the axes decide within it.

    Of the inputs near, components below 2^(−``bits`` − 5) of the unit of the sum are left out too.
    That unit is the point's own term, or a higher one that is part of the sum: with at most 2^5
    components, what an input loses is again below 2^(−``bits``) of the sum.
    """
    starts = queries.starts
    for b in range(begin, end):
        sums.evaluations[b] = _add_block(
            queries, starts[b], starts[b + 1], components, boxes, sums, count_only
        )
