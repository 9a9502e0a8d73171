"""Tiles of mixtures' components, a column for each, and their sums at points in vector code.

Coordinates are in units of β·√(2 ln 2), where the noise's kernel is 2^(−‖u‖²); all values are log2
of densities relative to the noise's peak (2πβ²)^(−d/2), which cancels in every ratio. A tile
[R, columns] has the records of ``mixture_fit``: log2 of weight/det L, L⁻¹·mean, and L⁻¹ row by row.
"""

import numpy as np

from ib_runner.compiled import inner
from ib_runner.information.interval.own_clouds import HIGHEST_EXPONENT
from ib_runner.vector_math import exp2_coarse

_f = np.float32
#: up to this many components are not worth a vector
FEW = 3
#: tiles are filled up to a multiple of this many components, of which the rest are 2 to this power
_LANES, _NOTHING = 32, _f(-1e4)
#: terms are at most 2^0: in units of 2 to this power or more float32 holds their sums; a lower unit
#: is raised when a term is far higher
_LOWEST_REFERENCE = _f(-100.0)


@inner(error_model="numpy")
def take_record(record, shift, half, least, tile, k):
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
def copy_record(record, shift, tile, column, moved, place):
    """Copy a record to ``column`` of ``tile``, and its mean, moved by ``shift``, to ``place``."""
    dim = shift.size
    tile[0, column] = record[0]
    for i in range(dim):
        moved[i, place] = record[1 + i] + shift[i]
    for r in range(1 + dim, record.size):
        tile[r, column] = record[r]


@inner(error_model="numpy")
def place_records(tile, first, count, moved, half, least, bound):
    """``take_record`` for the ``count`` components in the columns of ``tile`` from ``first`` on.

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
    """``add_tile`` in three dimensions with units that hold all terms: nothing is stored."""
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
    """``add_tile`` in four dimensions with units that hold all terms: nothing is stored."""
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
    """``add_tile`` in five dimensions with units that hold all terms: nothing is stored."""
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
    """``add_tile`` for one point ``u`` [d] in any number of dimensions.

    Returns its sum in units of 2^``base`` or, where that is low and a term far higher, of the unit
    that is returned as well.
    """
    if n <= FEW:
        for k in range(n):
            q[k] = _exponent(tile, k, u) - base
    else:
        n = _fill_up(tile, n)
        _exponents(tile, u, base, q[:n], y[:n])
    if base < _LOWEST_REFERENCE:
        highest = _f(0.0)
        for k in range(n):
            highest = max(highest, q[k])
        if highest > HIGHEST_EXPONENT:
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
def add_tile(tile, n, u, reference, total, q, y):
    """Add the first ``n`` components to the sums ``total`` [p] at the points ``u`` [p, d].

    The sums are in units of 2^``reference``; a low unit is raised where a component is far higher.
    """
    dim = u.shape[1]
    if n > FEW and 3 <= dim <= 5 and _no_less(reference, _LOWEST_REFERENCE):
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
def mixture_at(tile, n, u, q, y):
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
