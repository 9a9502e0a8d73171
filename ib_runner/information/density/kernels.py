"""Sums of 2^(−|t − c|²) over one block of centres: the loops where the time goes.

Coordinates are in units of beta·sqrt(2 ln 2), so that a Gaussian kernel is a power of two. A block
[d, count] stores one row per dimension.

Near points are summed in float32, in coordinates centred on their own group: there
−|t − c|² = −|t|² + (2t·c − |c|²) is one product per dimension and cancels nothing, because |t| is
small; the error is of order 6e-8·|c|², and only centres c a few units away add to a sum.
"""

import numpy as np

from ib_runner.compiled import inner
from ib_runner.vector_math import exp2_coarse

_f = np.float32
#: elements per turn of an unrolled vector loop; a remainder would be summed ten times slower
LANES = 32
#: coordinates are held within ± this, so that no square overflows
FARTHEST = 1e15
#: an exponent whose power of two counts as zero
NOTHING = _f(-1e6)


# Blocks are indexed, never sliced: a slice inside a loop costs an atomic reference count.


@inner(fastmath=True)
def centre_block(blocks, start, count, origin, scale, local, minus_square):
    """local[k] = (block[k] − origin[k])·scale and minus_square = −|local|², both float32.

    The block [d, count] lies flat in ``blocks`` from ``start``. The difference is taken in its own
    precision, so float64 inputs lose nothing. Returns ``count`` rounded up to a multiple of
    ``LANES``; the elements added to fill it contribute 0 to a sum.
    """
    dtype = blocks.dtype.type
    scale, farthest = dtype(scale), dtype(FARTHEST)
    padded = (count + LANES - 1) // LANES * LANES
    for j in range(count):
        minus_square[j] = _f(0.0)
    for j in range(count, padded):
        minus_square[j] = NOTHING
    for k in range(origin.size):
        o = origin[k]
        at = start + k * count
        for j in range(count):
            u = _f(min(max((blocks[at + j] - o) * scale, -farthest), farthest))
            local[k, j] = u
            minus_square[j] -= u * u
        for j in range(count, padded):
            local[k, j] = _f(0.0)
    return padded


@inner(fastmath=True)
def power_sum(exponents, count):
    """sum_j 2^exponents[j], for a group's only point, which lies at its own origin."""
    total = _f(0.0)
    for j in range(count):
        total += exp2_coarse(exponents[j])
    return total


@inner(fastmath=True)
def add_power_sums(t, weights, local, minus_square, count, buffer, sums):
    """sums[p] += weights[p]·sum_j 2^(minus_square[j] + t[p]·local[:, j]), ``t`` [m, d].

    The last one to four dimensions are one fused loop; others go through ``buffer`` four at a time.
    """
    m, d = t.shape
    for p in range(m):
        k = 0
        if d <= 4:
            exponents = minus_square
        else:
            exponents = buffer
            a, b, c, e = t[p, 0], t[p, 1], t[p, 2], t[p, 3]
            for j in range(count):
                buffer[j] = (
                    minus_square[j]
                    + a * local[0, j]
                    + b * local[1, j]
                    + c * local[2, j]
                    + e * local[3, j]
                )
            k = 4
            while d - k > 4:
                a, b, c, e = t[p, k], t[p, k + 1], t[p, k + 2], t[p, k + 3]
                for j in range(count):
                    buffer[j] += (
                        a * local[k, j]
                        + b * local[k + 1, j]
                        + c * local[k + 2, j]
                        + e * local[k + 3, j]
                    )
                k += 4
        total = _f(0.0)
        a = t[p, k]
        if d - k == 1:
            for j in range(count):
                total += exp2_coarse(exponents[j] + a * local[k, j])
        elif d - k == 2:
            b = t[p, k + 1]
            for j in range(count):
                total += exp2_coarse(exponents[j] + a * local[k, j] + b * local[k + 1, j])
        elif d - k == 3:
            b, c = t[p, k + 1], t[p, k + 2]
            for j in range(count):
                total += exp2_coarse(
                    exponents[j] + a * local[k, j] + b * local[k + 1, j] + c * local[k + 2, j]
                )
        else:
            b, c, e = t[p, k + 1], t[p, k + 2], t[p, k + 3]
            for j in range(count):
                total += exp2_coarse(
                    exponents[j]
                    + a * local[k, j]
                    + b * local[k + 1, j]
                    + c * local[k + 2, j]
                    + e * local[k + 3, j]
                )
        sums[p] += weights[p] * total


@inner()
def add_exactly(t, blocks, start, count, scale, reference, total):
    """(reference', total') with total'·2^(−reference') the old sum plus this block's, in float64.

    ``reference`` is the least |t − c|² so far: the sum never underflows, however far t lies.
    """
    for j in range(count):
        square = 0.0
        for k in range(t.size):
            u = (np.float64(blocks[start + k * count + j]) - t[k]) * scale
            square += u * u
        if square < reference:
            total = total * 2.0 ** (square - reference) + 1.0
            reference = square
        else:
            total += 2.0 ** (reference - square)
    return reference, total
