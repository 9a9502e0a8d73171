"""Sums of 2^(−|t − c|²) over one block of centres: the loops where the time goes.

Coordinates are in units of beta·sqrt(2 ln 2), so that a Gaussian kernel is a power of two. A block
[d, count] stores one row per dimension.

Near points are summed in float32, in coordinates centred on their own group: there
−|t − c|² = −|t|² + (2t·c − |c|²) is one product per dimension and cancels nothing, because |t| is
small; what is lost is of order 6e-8·|c|², and the c that count are a few units away.
"""

import numba
import numpy as np

from ib_runner.information.vector_math import exp2_coarse

_f = np.float32


@numba.njit(cache=True, fastmath=True)
def centre_block(block, origin, scale, local, minus_square):
    """local[k] = (block[k] − origin[k])·scale and minus_square = −|local|², both float32.

    The difference is taken in the block's own precision, so float64 inputs lose nothing before it.
    """
    count = block.shape[1]
    for j in range(count):
        minus_square[j] = _f(0.0)
    for k in range(block.shape[0]):
        o = origin[k]
        row = block[k]
        into = local[k]
        for j in range(count):
            u = _f((row[j] - o) * scale)
            into[j] = u
            minus_square[j] -= u * u


@numba.njit(cache=True, fastmath=True)
def power_sum(exponents, count):
    """sum_j 2^exponents[j], for a group's only point, which lies at its own origin."""
    total = _f(0.0)
    for j in range(count):
        total += exp2_coarse(exponents[j])
    return total


@numba.njit(cache=True, fastmath=True)
def power_sum_at(t, local, minus_square, count, buffer):
    """sum_j 2^(minus_square[j] + t·local[:, j]), with ``t`` twice the point's coordinates.

    Up to four dimensions are one fused loop; the ones before go through ``buffer`` four at a time.
    """
    d = t.size
    exponents = minus_square
    k = 0
    while d - k > 4:
        a, b, c, e = t[k], t[k + 1], t[k + 2], t[k + 3]
        x, y, z, w = local[k], local[k + 1], local[k + 2], local[k + 3]
        for j in range(count):
            buffer[j] = exponents[j] + a * x[j] + b * y[j] + c * z[j] + e * w[j]
        exponents = buffer
        k += 4
    total = _f(0.0)
    a, x = t[k], local[k]
    if d - k == 1:
        for j in range(count):
            total += exp2_coarse(exponents[j] + a * x[j])
        return total
    b, y = t[k + 1], local[k + 1]
    if d - k == 2:
        for j in range(count):
            total += exp2_coarse(exponents[j] + a * x[j] + b * y[j])
        return total
    c, z = t[k + 2], local[k + 2]
    if d - k == 3:
        for j in range(count):
            total += exp2_coarse(exponents[j] + a * x[j] + b * y[j] + c * z[j])
        return total
    e, w = t[k + 3], local[k + 3]
    for j in range(count):
        total += exp2_coarse(exponents[j] + a * x[j] + b * y[j] + c * z[j] + e * w[j])
    return total


@numba.njit(cache=True)
def add_exactly(t, block, scale, reference, total):
    """(reference', total') with total'·2^(−reference') the old sum plus this block's, in float64.

    ``reference`` is the least |t − c|² so far: the sum never underflows, however far t lies.
    """
    d, count = block.shape
    for j in range(count):
        square = 0.0
        for k in range(d):
            u = (np.float64(block[k, j]) - t[k]) * scale
            square += u * u
        if square < reference:
            total = total * 2.0 ** (square - reference) + 1.0
            reference = square
        else:
            total += 2.0 ** (reference - square)
    return reference, total
