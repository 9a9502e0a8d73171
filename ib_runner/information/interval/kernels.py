"""The two inner loops of the coupled estimator: p̂(t|x) from one cloud, q(t|x) from all mixtures.

Coordinates are in units of β·√(2 ln 2), where the noise's kernel is 2^(−‖u‖²); all values are log2
of densities relative to the noise's peak (2πβ²)^(−d/2), which cancels in every ratio. Differences
are taken in coordinates centred near the cloud, never by the matrix-product trick.
"""

from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, njit, parallel_range
from ib_runner.information.density.tree import choose_split, partition
from ib_runner.vector_math import exp2_coarse

_f = np.float32
#: what ``add_mixtures`` computes: log2 of the own mixtures, with the number of all evaluations, all
OWN, NUMBER, ALL = 0, 1, 2
#: a term of 2 to this power or more becomes the unit in which its sum is kept
_HIGHEST_EXPONENT = _f(60.0)
#: log2 of more components than the mixture of an input has
_MOST_COMPONENTS_BITS = 5.0
#: components that are summed in float32 before that partial sum is added to the total in float64
_TILE = 256
#: inputs of a range are compared with a block along all axes if these are no more than so many;
#: else along the first few, and along the others where these leave any
_ALL_AXES, _AXES_FIRST = 8, 3
#: components of several inputs are placed in a tile together, when there are so many or more
_TOGETHER = 64
#: columns of a tile: it is summed when ``_TILE`` are filled, by so many and one more input at most
_COLUMNS = _TILE + _TOGETHER + 2 ** int(_MOST_COMPONENTS_BITS)
#: up to this many components are not worth a vector
_FEW = 3
#: tiles are filled up to a multiple of this many components, of which the rest are 2 to this power
_LANES, _NOTHING = 32, _f(-1e4)
#: terms are at most 2^0: in units of 2 to this power or more float32 holds their sums; a lower unit
#: is raised when a term is far higher
_LOWEST_REFERENCE = _f(-100.0)


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
    ``longest`` the longest projection of any box, and ``width`` an upper bound of
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


class Scratch(NamedTuple):
    """Room for one block at a time.

    ``tile`` [R, _COLUMNS]: components, a column for each: log2 of weight/det L, L⁻¹·mean, and L⁻¹
    row by row; ``q``, ``y`` [_COLUMNS]. ``moved`` [d, _COLUMNS], ``bound`` [3, _COLUMNS] are
    float64, for placing components. ``u`` [p, d] the block's points about the middle of their box;
    ``reference`` and ``total`` [p] their sums. ``near`` [N + 1], ``distance`` [N]: inputs.
    ``shift``, ``half`` [d] (float64), ``low``, ``high``, ``middle`` [d]: of the box.
    """

    tile: np.ndarray
    q: np.ndarray
    y: np.ndarray
    moved: np.ndarray
    bound: np.ndarray
    u: np.ndarray
    reference: np.ndarray
    total: np.ndarray
    near: np.ndarray
    distance: np.ndarray
    shift: np.ndarray
    half: np.ndarray
    low: np.ndarray
    high: np.ndarray
    middle: np.ndarray


@inner(fastmath=True, error_model="numpy")
def cloud_densities(points, references, cloud, q, out):
    """``own_cloud_densities`` of one cloud; the last three dimensions are one fused loop."""
    dim = points.shape[0]
    fused = min(dim, 3)
    for j in range(points.shape[1]):
        base = -references[j]
        for k in range(q.size):
            q[k] = base
        for i in range(dim - fused):
            u = points[i, j]
            for k in range(q.size):
                difference = u - cloud[i, k]
                q[k] -= difference * difference
        total = _f(0.0)
        u0 = points[dim - 1, j]
        c0 = cloud[dim - 1]
        if fused == 3:
            u1, u2 = points[dim - 2, j], points[dim - 3, j]
            c1, c2 = cloud[dim - 2], cloud[dim - 3]
            for k in range(q.size):
                a, b, c = u0 - c0[k], u1 - c1[k], u2 - c2[k]
                total += exp2_coarse(min(q[k] - a * a - b * b - c * c, _HIGHEST_EXPONENT))
        elif fused == 2:
            u1, c1 = points[dim - 2, j], cloud[dim - 2]
            for k in range(q.size):
                a, b = u0 - c0[k], u1 - c1[k]
                total += exp2_coarse(min(q[k] - a * a - b * b, _HIGHEST_EXPONENT))
        else:
            for k in range(q.size):
                a = u0 - c0[k]
                total += exp2_coarse(min(q[k] - a * a, _HIGHEST_EXPONENT))
        out[j] = np.log2(np.float64(total) / q.size) + references[j]


@parallel_range(fastmath=True, error_model="numpy")
def own_cloud_densities(begin, end, points, references, clouds, out):
    """log2 of the plug-in densities of n clouds, each at its own points, into ``out`` [n, m].

    ``points`` [n, d, m], ``clouds`` [n, d, draws]: the density is the mean over the draws of
    2^(−‖u − c‖²). ``references`` [n, m]: the exponent −‖u − c‖² of one draw, in-sample of the draw
    that made the point, so that the sum cannot underflow.
    """
    q = np.empty(clouds.shape[2], np.float32)
    for c in range(begin, end):
        cloud_densities(points[c], references[c], clouds[c], q, out[c])


@inner(error_model="numpy")
def _take(record, shift, half, least, tile, k):
    """Write one component, its mean moved by ``shift`` [d], to column ``k`` of ``tile``.

    False where it is below 2^``least`` in all of the box ± ``half`` [d] about the origin:
    ‖L⁻¹(u − mean)‖² is a sum of squares of functions that are affine in u, each of which is at
    least as far from 0 as at the origin less Σ |slope|·half.
    """
    dim = shift.size
    tile[0, k] = record[0]
    bound = np.float64(record[0])
    at = 1 + dim
    for i in range(dim):
        at_mean = 0.0
        reach = 0.0
        for j in range(i + 1):
            tile[at + j, k] = record[at + j]
            slope = np.float64(record[at + j])
            at_mean += slope * (record[1 + j] + shift[j])
            reach += abs(slope) * half[j]
        tile[1 + i, k] = at_mean
        gap = max(abs(at_mean) - reach, 0.0)
        bound -= gap * gap
        if bound < least:
            return False
        at += i + 1
    return True


@inner(error_model="numpy")
def _copy(record, shift, tile, column, moved, place):
    """Copy a record to ``column`` of ``tile``, and its mean, moved by ``shift``, to ``place``."""
    dim = shift.size
    tile[0, column] = record[0]
    for i in range(dim):
        moved[i, place] = record[1 + i] + shift[i]
    for r in range(1 + dim, record.size):
        tile[r, column] = record[r]


@inner(error_model="numpy")
def _place(tile, first, count, moved, half, least, bound):
    """``_take`` for the ``count`` components in the columns of ``tile`` from ``first`` on.

    There they have their records, but for their means, which are in ``moved`` [d, ≥ count]. Those
    that are low in all of the box are removed; returns the number of columns then filled.
    """
    dim = half.size
    high, at_mean, reach = bound[0], bound[1], bound[2]
    constant = tile[0, first : first + count]
    for k in range(count):
        high[k] = constant[k]
    at = 1 + dim
    for i in range(dim):
        for k in range(count):
            at_mean[k] = 0.0
            reach[k] = 0.0
        for j in range(i + 1):
            slopes = tile[at + j, first : first + count]
            mean, side = moved[j], half[j]
            for k in range(count):
                slope = np.float64(slopes[k])
                at_mean[k] += slope * mean[k]
                reach[k] += abs(slope) * side
        placed = tile[1 + i, first : first + count]
        for k in range(count):
            placed[k] = at_mean[k]
            gap = max(abs(at_mean[k]) - reach[k], 0.0)
            high[k] -= gap * gap
        at += i + 1
    filled = first
    for k in range(count):
        if not high[k] < least:
            if filled < first + k:
                for r in range(at):
                    tile[r, filled] = tile[r, first + k]
            filled += 1
    return filled


@inner(error_model="numpy")
def _fill_up(tile, n):
    """Fill ``tile`` from column ``n`` on to whole vectors by components that add nothing."""
    size = (n + _LANES - 1) // _LANES * _LANES
    for k in range(n, size):
        tile[:, k] = _f(0.0)
        tile[0, k] = _NOTHING
    return size


@inner(fastmath=True, error_model="numpy")
def _exponents(tile, u, base, q, y):
    """log2 of the components in ``tile`` at the point ``u`` [d], less ``base``, into ``q``.

    ``y``, as long as ``q``, is scratch. Each pass stores to one array: only then is it vector code.
    """
    constant = tile[0]
    for k in range(q.size):
        q[k] = constant[k] - base
    at = 1 + u.size
    for i in range(u.size):
        at_mean = tile[1 + i]
        slope = tile[at]
        x = u[0]
        if i == 0:
            for k in range(q.size):
                one = slope[k] * x - at_mean[k]
                q[k] -= one * one
        else:
            slope_1 = tile[at + 1]
            x1 = u[1]
            for k in range(q.size):
                y[k] = slope[k] * x + slope_1[k] * x1 - at_mean[k]
            for j in range(2, i):
                slope = tile[at + j]
                x = u[j]
                for k in range(q.size):
                    y[k] += slope[k] * x
            if i == 1:
                for k in range(q.size):
                    q[k] -= y[k] * y[k]
            else:
                slope = tile[at + i]
                x = u[i]
                for k in range(q.size):
                    one = y[k] + slope[k] * x
                    q[k] -= one * one
        at += i + 1


@inner(fastmath=True, error_model="numpy")
def _add_in_3(tile, n, u, reference, total):
    """``_add_tile`` in three dimensions with units that hold all terms: nothing is stored."""
    constant, mean_0, mean_1, mean_2 = tile[0], tile[1], tile[2], tile[3]
    f00, f10, f11, f20, f21, f22 = tile[4], tile[5], tile[6], tile[7], tile[8], tile[9]
    for j in range(u.shape[0]):
        u0, u1, u2, base = u[j, 0], u[j, 1], u[j, 2], reference[j]
        part = _f(0.0)
        for k in range(n):
            a = f00[k] * u0 - mean_0[k]
            b = f10[k] * u0 + f11[k] * u1 - mean_1[k]
            c = f20[k] * u0 + f21[k] * u1 + f22[k] * u2 - mean_2[k]
            part += exp2_coarse(constant[k] - base - a * a - b * b - c * c)
        total[j] += part


@inner(fastmath=True, error_model="numpy")
def _add_in_4(tile, n, u, reference, total):
    """``_add_tile`` in four dimensions with units that hold all terms: nothing is stored."""
    constant, mean_0, mean_1, mean_2, mean_3 = tile[0], tile[1], tile[2], tile[3], tile[4]
    f00, f10, f11, f20, f21, f22 = tile[5], tile[6], tile[7], tile[8], tile[9], tile[10]
    f30, f31, f32, f33 = tile[11], tile[12], tile[13], tile[14]
    for j in range(u.shape[0]):
        u0, u1, u2, u3, base = u[j, 0], u[j, 1], u[j, 2], u[j, 3], reference[j]
        part = _f(0.0)
        for k in range(n):
            a = f00[k] * u0 - mean_0[k]
            b = f10[k] * u0 + f11[k] * u1 - mean_1[k]
            c = f20[k] * u0 + f21[k] * u1 + f22[k] * u2 - mean_2[k]
            d = f30[k] * u0 + f31[k] * u1 + f32[k] * u2 + f33[k] * u3 - mean_3[k]
            part += exp2_coarse(constant[k] - base - a * a - b * b - c * c - d * d)
        total[j] += part


@inner(fastmath=True, error_model="numpy")
def _add_in_5(tile, n, u, reference, total):
    """``_add_tile`` in five dimensions with units that hold all terms: nothing is stored."""
    constant, m0, m1, m2, m3, m4 = tile[0], tile[1], tile[2], tile[3], tile[4], tile[5]
    f00, f10, f11, f20, f21, f22 = tile[6], tile[7], tile[8], tile[9], tile[10], tile[11]
    f30, f31, f32, f33 = tile[12], tile[13], tile[14], tile[15]
    f40, f41, f42, f43, f44 = tile[16], tile[17], tile[18], tile[19], tile[20]
    for j in range(u.shape[0]):
        u0, u1, u2, u3, u4, base = u[j, 0], u[j, 1], u[j, 2], u[j, 3], u[j, 4], reference[j]
        part = _f(0.0)
        for k in range(n):
            a = f00[k] * u0 - m0[k]
            b = f10[k] * u0 + f11[k] * u1 - m1[k]
            c = f20[k] * u0 + f21[k] * u1 + f22[k] * u2 - m2[k]
            d = f30[k] * u0 + f31[k] * u1 + f32[k] * u2 + f33[k] * u3 - m3[k]
            e = f40[k] * u0 + f41[k] * u1 + f42[k] * u2 + f43[k] * u3 + f44[k] * u4 - m4[k]
            part += exp2_coarse(constant[k] - base - a * a - b * b - c * c - d * d - e * e)
        total[j] += part


@inner(fastmath=True, error_model="numpy")
def _exponent(tile, k, u):
    """log2 of the component in column ``k`` of ``tile`` at the point ``u`` [d]."""
    value = tile[0, k]
    at = 1 + u.size
    for i in range(u.size):
        one = -tile[1 + i, k]
        for j in range(i + 1):
            one += tile[at + j, k] * u[j]
        value -= one * one
        at += i + 1
    return value


@inner(fastmath=True, error_model="numpy")
def _add_point(tile, n, u, base, q, y):
    """``_add_tile`` for one point ``u`` [d] in any number of dimensions.

    Returns its sum in units of 2^``base`` or, where that is low and a term far higher, of the unit
    that is returned as well.
    """
    if n <= _FEW:
        for k in range(n):
            q[k] = _exponent(tile, k, u) - base
    else:
        n = _fill_up(tile, n)
        _exponents(tile, u, base, q[:n], y[:n])
    if base < _LOWEST_REFERENCE:
        highest = _f(0.0)
        for k in range(n):
            highest = max(highest, q[k])
        if highest > _HIGHEST_EXPONENT:
            base += highest
            for k in range(n):
                q[k] -= highest
    part = _f(0.0)
    for k in range(n):
        part += exp2_coarse(q[k])
    return part, base


@inner(error_model="numpy")
def _no_less(values, least):
    """Whether no value is below ``least``; numba's min takes a third of a second to compile."""
    lowest = values[0]
    for k in range(1, values.size):
        lowest = min(lowest, values[k])
    return lowest >= least


@inner(error_model="numpy")
def _add_tile(tile, n, u, reference, total, q, y):
    """Add the first ``n`` components to the sums ``total`` [p] at the points ``u`` [p, d].

    The sums are in units of 2^``reference``; a low unit is raised where a component is far higher.
    """
    dim = u.shape[1]
    if n > _FEW and 3 <= dim <= 5 and _no_less(reference, _LOWEST_REFERENCE):
        n = _fill_up(tile, n)
        if dim == 3:
            _add_in_3(tile, n, u, reference, total)
        elif dim == 4:
            _add_in_4(tile, n, u, reference, total)
        else:
            _add_in_5(tile, n, u, reference, total)
        return
    for j in range(u.shape[0]):
        part, base = _add_point(tile, n, u[j], reference[j], q, y)
        if base != reference[j]:
            total[j] *= 2.0 ** (np.float64(reference[j]) - np.float64(base))
            reference[j] = base
        total[j] += part


@inner(fastmath=True, error_model="numpy")
def _own(tile, n, u, q, y):
    """log2 of the mixture of ``n`` components in ``tile`` at the point ``u`` [d]."""
    if n == 1:
        return np.float64(_exponent(tile, 0, u))
    _exponents(tile, u, _f(0.0), q[:n], y[:n])
    highest = q[0]
    for k in range(n):
        highest = max(highest, q[k])
    total = 0.0
    for k in range(n):
        total += exp2_coarse(q[k] - highest)
    return highest + np.log2(total)


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
def find_near(low_here, high_here, origin, lowest, boxes, near, distance):
    """Write the inputs near a box about ``origin`` to ``near``; returns how many.

    ``low_here``, ``high_here`` [d]: the box of points, whose own terms are at least 2^``lowest``.
    """
    dim = low_here.size
    threshold = _f(boxes.bits - lowest)
    begin = 0.0
    end = 0.0
    for i in range(dim):
        one = boxes.axis[i] * (origin[i] + low_here[i])
        other = boxes.axis[i] * (origin[i] + high_here[i])
        begin += min(one, other)
        end += max(one, other)
    reach = np.sqrt(max(boxes.bits - lowest, 0.0) * boxes.width) + boxes.slack * dim
    first = _first_from(boxes.begins, begin - reach - boxes.longest)
    last = _first_from(boxes.begins, end + reach)
    distance = distance[: max(last - first, 0)]
    distance[:] = _f(0.0)
    some = dim if dim <= _ALL_AXES else _AXES_FIRST
    for i in range(some):
        box_low = _f(origin[i] + low_here[i] - boxes.slack)
        box_high = _f(origin[i] + high_here[i] + boxes.slack)
        low = boxes.low[i, first:last]
        high = boxes.high[i, first:last]
        inverse_width = boxes.inverse_width[i, first:last]
        for k in range(distance.size):
            gap = max(max(low[k] - box_high, box_low - high[k]), _f(0.0))
            distance[k] = max(distance[k], gap * gap * inverse_width[k])
    n_near = 0
    for k in range(distance.size):
        if distance[k] <= threshold:
            far = _f(0.0)
            for i in range(some, dim):
                box_low = _f(origin[i] + low_here[i] - boxes.slack)
                box_high = _f(origin[i] + high_here[i] + boxes.slack)
                above = boxes.low[i, first + k] - box_high
                gap = max(max(above, box_low - boxes.high[i, first + k]), _f(0.0))
                far = max(far, gap * gap * boxes.inverse_width[i, first + k])
            if far <= threshold:
                near[n_near] = boxes.order[first + k]
                n_near += 1
    return n_near


@inner(error_model="numpy")
def _add_block(queries, first, last, components, boxes, sums, wanted, scratch):
    """``add_mixtures`` for one block; returns the number of evaluations."""
    dim, m = queries.points.shape[1:]
    n = (last - first) * m
    origin = components.centres[queries.owners[queries.rows[first]]]
    tile, q, y = scratch.tile, scratch.q, scratch.y
    u, reference, total = scratch.u[:n], scratch.reference[:n], scratch.total[:n]
    shift, half, middle = scratch.shift, scratch.half, scratch.middle
    low_here, high_here = scratch.low, scratch.high
    for i in range(dim):  # numba's zeros and full take longer to compile
        shift[i] = half[i] = 0.0
        low_here[i], high_here[i] = np.inf, -np.inf
    evaluations = 0
    lowest = np.inf
    for k in range(first, last):
        row = queries.rows[k]
        owner = queries.owners[row]
        begin = components.offsets[owner]
        count = components.offsets[owner + 1] - begin
        for r in range(count):
            _take(components.records[begin + r], shift, half, -np.inf, tile, r)
        evaluations += m * count
        for j in range(m):
            at = (k - first) * m + j
            for i in range(dim):
                u[at, i] = queries.points[row, i, j]
            own = _own(tile, count, u[at], q, y)
            sums.own[row, j] = own
            lowest = min(lowest, own)
            reference[at] = own
            for i in range(dim):
                u[at, i] += components.centres[owner, i] - origin[i]
                low_here[i] = min(low_here[i], u[at, i])
                high_here[i] = max(high_here[i], u[at, i])
    if wanted == OWN:
        return evaluations
    n_near = find_near(low_here, high_here, origin, lowest, boxes, scratch.near, scratch.distance)
    for i in range(dim):
        middle[i] = (low_here[i] + high_here[i]) * _f(0.5)
        half[i] = np.float64(high_here[i] - low_here[i]) / 2 + boxes.slack
    for j in range(n):
        for i in range(dim):
            u[j, i] -= middle[i]
    of_class = components.classes[queries.owners[queries.rows[first]]]
    total[:] = 0.0
    least = lowest - boxes.bits - _MOST_COMPONENTS_BITS
    few = n_near <= _FEW
    for of_own_class in (True, False):
        filled, waiting = np.int64(0), np.int64(0)
        for number in range(n_near):
            x = scratch.near[number]
            if (components.classes[x] == of_class) == of_own_class:
                for i in range(dim):
                    shift[i] = components.centres[x, i] - origin[i] - middle[i]
                for r in range(components.offsets[x], components.offsets[x + 1]):
                    record = components.records[r]
                    if few:
                        filled += _take(record, shift, half, least, tile, filled)
                        continue
                    _copy(record, shift, tile, filled + waiting, scratch.moved, waiting)
                    waiting += 1
            if waiting >= _TOGETHER or (waiting > 0 and number == n_near - 1):
                filled = _place(tile, filled, waiting, scratch.moved, half, least, scratch.bound)
                waiting = np.int64(0)
            if filled >= _TILE:
                evaluations += n * filled
                if wanted == ALL:
                    _add_tile(tile, filled, u, reference, total, q, y)
                filled = np.int64(0)
        evaluations += n * filled
        if filled > 0 and wanted == ALL:
            _add_tile(tile, filled, u, reference, total, q, y)
        for k in range(first, last):
            row = queries.rows[k]
            for j in range(m):
                at = (k - first) * m + j
                log2_sum = reference[at] + np.log2(total[at])
                sums.total[row, j] = log2_sum
                if of_own_class:
                    sums.same[row, j] = log2_sum
    return evaluations


@parallel_range(error_model="numpy")
def add_mixtures(begin, end, queries, components, boxes, sums, wanted):
    """Add up the mixtures of N inputs at points drawn by some of them, pruned.

    Fills ``sums``: log2 of the own mixture, of the sum over the own class, of the sum over all
    inputs, and the number of component evaluations. ``wanted``: ``ALL`` of them; ``NUMBER``: the
    evaluations are counted, and those of the own mixtures made; ``OWN``: these alone.

    An input is left out of a block's sums when it adds less than 2^(−``bits``) of the own term at
    all of the block's points: its mixture is at most 2^(−g²/w) there, with g the gap between the
    boxes of means and points along any direction v and w = vᵀMv of the widest component, as
    uᵀM⁻¹u ≥ (v·u)²/(vᵀMv) for every positive definite M (Cauchy and Schwarz). One direction, the
    same for all, bounds a range of the sorted inputs; the axes decide within it. Of M only the
    diagonal is known: vᵀMv is at most (Σ |vᵢ| √Mᵢᵢ)², and at most 1 + Σ (Mᵢᵢ − 1), as M − I is
    positive semidefinite.

    Of the inputs near, components that are below 2^(−``bits`` − 5) of the least own term in all of
    the box of the block's points (see ``_take``) are left out too: with at most 2^5 components,
    what an input loses is again below 2^(−``bits``) of the sum.

    A point gathers components of all inputs in tiles that stay in the first cache: it may be alone
    in its block, and its sums are still long rows of vector code.
    """
    starts = queries.starts
    dim, m = queries.points.shape[1:]
    most = 0
    for b in range(begin, end):
        most = max(most, (starts[b + 1] - starts[b]) * m)
    n_inputs = components.classes.size
    scratch = Scratch(
        np.empty((components.records.shape[1], _COLUMNS), np.float32),
        np.empty(_COLUMNS, np.float32),
        np.empty(_COLUMNS, np.float32),
        np.empty((dim, _COLUMNS)),
        np.empty((3, _COLUMNS)),
        np.empty((most, dim), np.float32),
        np.empty(most, np.float32),
        np.empty(most),
        np.empty(n_inputs + 1, np.int64),
        np.empty(n_inputs, np.float32),
        np.empty(dim),
        np.empty(dim),
        np.empty(dim, np.float32),
        np.empty(dim, np.float32),
        np.empty(dim, np.float32),
    )
    for b in range(begin, end):
        sums.evaluations[b] = _add_block(
            queries, starts[b], starts[b + 1], components, boxes, sums, wanted, scratch
        )


@njit()
def halve(rows, groups, most, extent, starts):
    """Halve the ``groups`` [g + 1] of ``rows`` [n, d + 1], reordered in place, until each part has
    at most ``most`` rows within ``extent`` in each of the first d columns, or is a single row.

    Writes where the parts start to ``starts`` [n + 1], and returns how many there are.
    """
    n, dim = rows.shape[0], rows.shape[1] - 1
    ends = np.empty(n + 1, np.int64)
    count = 0
    for g in range(groups.size - 1):
        start = groups[g]
        ends[0] = groups[g + 1]
        waiting = 1
        while waiting > 0:
            stop = ends[waiting - 1]
            if stop - start > most or _longest_side(rows, dim, start, stop) > extent:
                k, pivot = choose_split(rows, dim, start, stop)
                ends[waiting] = partition(rows, k, pivot, start, stop)
                waiting += 1
            else:
                starts[count] = start
                count += 1
                start = stop
                waiting -= 1
    starts[count] = n
    return count


@inner()
def _longest_side(rows, dim, start, stop):
    """The longest side of the box around ``rows[start:stop]``."""
    longest = 0.0
    for i in range(dim):
        low = rows[start, i]
        high = rows[start, i]
        for k in range(start, stop):
            low = min(low, rows[k, i])
            high = max(high, rows[k, i])
        longest = max(longest, high - low)
    return longest
