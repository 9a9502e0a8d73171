"""Which inputs are near a block of points: boxes sorted along an axis, and compact blocks."""

from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, njit
from ib_runner.information.density.tree import choose_split, partition

_f = np.float32
#: inputs of a range are compared with a block along all axes if these are no more than so many;
#: else along the first few, and along the others where these leave any
_ALL_AXES, _AXES_FIRST = 8, 3


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
