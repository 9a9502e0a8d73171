"""Batch norm, tanh, noise and 2×2 max-pooling in one pass over a convolution's output.

Arrays are float32 with the channels last, y [n, h, w, c] and pooled [n, h/2, w/2, c]: the inner
loops run over channels and are vectorised. Two rows of one image at a time stay in the first
cache, their noise included. After pooling only a quarter of the values has a gradient, and that
quarter is all the backward pass needs beside y.
"""

import numba
import numpy as np

from ib_runner.information.normal_numbers import fill_normals, seed_lanes, splitmix64
from ib_runner.information.vector_math import tanh

_f = np.float32
#: channels handled at a time: a loop of known length is vectorised, one of length c = 16 is not
LANES = 8


@numba.njit(cache=True, fastmath=True)
def moments(y):
    """Mean and biased variance of every channel: float32 [c] each.

    Summed in float32 over the rows of one image only, beyond in float64.
    """
    n, h, w, c = y.shape
    rows = y.reshape(n, h, w * c)
    part = np.empty(w * c, dtype=np.float32)
    total = np.zeros(c, dtype=np.float64)
    for i in range(n):
        part[:] = 0
        for j in range(h):
            for k in range(w * c):
                part[k] += rows[i, j, k]
        _fold(part, total)
    mean = (total / (n * h * w)).astype(np.float32)
    means = _repeated(mean, w)
    total[:] = 0
    for i in range(n):
        part[:] = 0
        for j in range(h):
            for k in range(w * c):
                part[k] += (rows[i, j, k] - means[k]) ** 2
        _fold(part, total)
    return mean, (total / (n * h * w)).astype(np.float32)


@numba.njit(cache=True, fastmath=True)
def _fold(part, total):
    """Add ``part`` [q·c] to ``total`` [c], channel by channel."""
    c = total.size
    for q in range(part.size // c):
        for k in range(c):
            total[k] += part[q * c + k]


@numba.njit(cache=True)
def _repeated(channels, times):
    """``channels`` [c] over and over: [times·c]. Loops over it need no period."""
    c = channels.size
    out = np.empty(times * c, dtype=np.float32)
    for j in range(times * c):
        out[j] = channels[j % c]
    return out


@numba.njit(cache=True)
def _fill_keep(key, at, p, keep):
    """Fill ``keep`` with 1/(1 − p) with probability 1 − p, else 0, from number ``at`` of ``key``.

    A number has 64 bits and serves two values.
    """
    threshold = np.uint64(np.int64(p * 2.0**32))
    scale = _f(1.0 / (1.0 - p))
    for j in range(keep.size // 2):
        bits = splitmix64(key + np.uint64(at + j) * np.uint64(0x9E3779B97F4A7C15))
        keep[2 * j] = scale if (bits >> np.uint64(32)) >= threshold else _f(0.0)
        keep[2 * j + 1] = scale if (bits & np.uint64(0xFFFFFFFF)) >= threshold else _f(0.0)


@numba.njit(cache=True)
def pooled_tanh(y, scale, shift, beta, p, key, pooled, slope, which):
    """t = tanh(scale·y + shift) with noise, then ``pooled`` = max of 2×2 values.

    ``scale`` and ``shift`` [c]; ``beta`` is the standard deviation of Gaussian noise, ``p`` the
    dropout probability, either 0 for none; random numbers are a function of ``key``. ``which``
    (int32) says which of the four is the largest, the first one where they are equal, and
    ``slope`` is there the derivative of t by scale·y + shift.
    """
    n, h, w, c = y.shape
    strip = 2 * w * c
    strips = y.reshape(n, h // 2, strip)
    lanes = strip // 2
    state = np.empty((4, lanes), dtype=np.uint32)
    bits = np.empty((2, lanes), dtype=np.uint32)
    if beta > 0:
        seed_lanes(state, key)
    noise = np.zeros(strip, dtype=np.float32)
    keep = np.ones(strip, dtype=np.float32)
    s = np.empty(strip, dtype=np.float32)
    t = np.empty(strip, dtype=np.float32)
    rise = np.empty(strip, dtype=np.float32)
    scales, shifts = _repeated(scale, 2 * w), _repeated(shift, 2 * w)
    for i in range(n):
        for r in range(h // 2):
            _tanh(strips[i, r], scales, shifts, s)
            if beta > 0:
                fill_normals(state, bits, noise)
            if p > 0:
                _fill_keep(key, (i * (h // 2) + r) * lanes, p, keep)
            _add_noise(s, keep, _f(beta), noise, t, rise)
            _pool(t, rise, pooled[i, r], slope[i, r], which[i, r])


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _tanh(y, scales, shifts, s):
    for j in range(y.size):
        s[j] = tanh(scales[j] * y[j] + shifts[j])


@numba.njit(cache=True, fastmath=True)
def _add_noise(s, keep, beta, noise, t, rise):
    for j in range(s.size):
        t[j] = s[j] * keep[j] + beta * noise[j]
        rise[j] = (_f(1.0) - s[j] * s[j]) * keep[j]


@numba.njit(cache=True)
def _pool(t, rise, pooled, slope, which):
    half, c = pooled.shape
    for q in range(half):
        for first in range(0, c, LANES):
            at00, at01, at10, at11 = _corners(q, half, c, first)
            for k in range(LANES):
                t00, t01, t10, t11 = t[at00 + k], t[at01 + k], t[at10 + k], t[at11 + k]
                r00, r01, r10, r = rise[at00 + k], rise[at01 + k], rise[at10 + k], rise[at11 + k]
                best = max(max(t00, t01), max(t10, t11))
                # backwards, so that the first of equal ones stays
                r = r10 if t10 == best else r
                r = r01 if t01 == best else r
                r = r00 if t00 == best else r
                at = np.int32(2) if t10 == best else np.int32(3)
                at = np.int32(1) if t01 == best else at
                at = np.int32(0) if t00 == best else at
                pooled[q, first + k] = best
                slope[q, first + k] = r
                which[q, first + k] = at


@numba.njit(inline="always")
def _corners(q, half, c, channel):
    """Where in a strip the four values are that are pooled to column ``q``."""
    top = 2 * q * c + channel
    low = top + 2 * half * c
    return top, top + c, low, low + c


@numba.njit(cache=True, fastmath=True)
def pooled_tanh_backward(gradient, y, slope, which, mean, inverse_sd, weight, out):
    """Through pooling, tanh and batch norm: the gradient by y into ``out``, by weight and bias.

    ``gradient`` is by ``pooled``; ``slope`` and ``which`` are from ``pooled_tanh``. With
    x̂ = (y − mean)·inverse_sd and g the gradient by weight·x̂ + bias, zero but where ``which``
    points, it is by y weight·inverse_sd·(g − mean of g − x̂·mean of g·x̂), by weight Σ g·x̂ and by
    bias Σ g.
    """
    n, h, w, c = y.shape
    by_weight = np.zeros(c, dtype=np.float64)
    by_bias = np.zeros(c, dtype=np.float64)
    part = np.empty((2, w // 2 * c), dtype=np.float32)
    means, inverse_sds = _repeated(mean, w // 2), _repeated(inverse_sd, w // 2)
    at_largest = np.empty((w // 2, c), dtype=np.float32)
    strips = y.reshape(n, h // 2, 2 * w * c)
    flat = (n, h // 2, w // 2 * c)
    g = gradient.reshape(flat)
    rise = slope.reshape(flat)
    for i in range(n):
        part[:] = 0
        for r in range(h // 2):
            _gather(strips[i, r], which[i, r], at_largest)
            _sums(g[i, r], rise[i, r], at_largest.ravel(), means, inverse_sds, part[0], part[1])
        _fold(part[0], by_bias)
        _fold(part[1], by_weight)
    count = n * h * w
    # by y: slant·y + level everywhere, and factor·g·slope in addition where ``which`` points
    factor = (weight * inverse_sd).astype(np.float32)
    slant = (-factor * inverse_sd * by_weight / count).astype(np.float32)
    level = (-factor * by_bias / count - slant * mean).astype(np.float32)
    slants, levels = _repeated(slant, 2 * w), _repeated(level, 2 * w)
    factors = _repeated(factor, w // 2)
    outs = out.reshape(n, h // 2, 2 * w * c)
    add = np.empty((w // 2, c), dtype=np.float32)
    for i in range(n):
        for r in range(h // 2):
            _line(strips[i, r], slants, levels, outs[i, r])
            _product(g[i, r], rise[i, r], factors, add.ravel())
            _scatter(add, which[i, r], outs[i, r])
    return by_weight.astype(np.float32), by_bias.astype(np.float32)


@numba.njit(cache=True)
def _gather(y, which, out):
    """The one of 2×2 values of the strip ``y`` that ``which`` [w/2, c] points at."""
    half, c = which.shape
    for q in range(half):
        for first in range(0, c, LANES):
            at00, at01, at10, at11 = _corners(q, half, c, first)
            for k in range(LANES):
                at = which[q, first + k]
                y00, y01, y10, value = y[at00 + k], y[at01 + k], y[at10 + k], y[at11 + k]
                value = y10 if at == 2 else value
                value = y01 if at == 1 else value
                value = y00 if at == 0 else value
                out[q, first + k] = value


@numba.njit(cache=True, fastmath=True)
def _sums(g, rise, y, means, inverse_sds, by_bias, by_weight):
    for j in range(g.size):
        by_affine = g[j] * rise[j]
        by_bias[j] += by_affine
        by_weight[j] += by_affine * ((y[j] - means[j]) * inverse_sds[j])


@numba.njit(cache=True, fastmath=True)
def _product(a, b, c, out):
    for j in range(a.size):
        out[j] = a[j] * b[j] * c[j]


@numba.njit(cache=True, fastmath=True)
def _line(y, slants, levels, out):
    for j in range(y.size):
        out[j] = slants[j] * y[j] + levels[j]


@numba.njit(cache=True)
def _scatter(add, which, out):
    """Add ``add`` [w/2, c] to that one of 2×2 values of the strip ``out`` that ``which`` points at."""
    half, c = which.shape
    zero = _f(0.0)
    for q in range(half):
        for first in range(0, c, LANES):
            at00, at01, at10, at11 = _corners(q, half, c, first)
            for k in range(LANES):
                at, value = which[q, first + k], add[q, first + k]
                out[at00 + k] += value if at == 0 else zero
                out[at01 + k] += value if at == 1 else zero
                out[at10 + k] += value if at == 2 else zero
                out[at11 + k] += value if at == 3 else zero
