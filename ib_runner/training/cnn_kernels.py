"""Batch norm, tanh, noise and 2×2 max-pooling in one pass over a convolution's output.

Arrays are float32 with the channels last, y [n, h, w, c] and pooled [n, h/2, w/2, c]: the inner
loops run over channels and are vectorised. Two rows of one image at a time stay in the first
cache, their noise included. After pooling only a quarter of the values has a gradient, and that
quarter is all the backward pass needs beside y.
"""

import numba
import numpy as np

from ib_runner.information.normal_numbers import fill_normals, seed_lanes, splitmix64
from ib_runner.vector_math import tanh

_f = np.float32


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
    (int32) says which of the four is the largest, the first one where they are equal; ``slope``
    [n, h, w, c] is the derivative of t by scale·y + shift.
    """
    n, h, w, c = y.shape
    strip = 2 * w * c
    strips = y.reshape(n, h // 2, strip)
    slopes = slope.reshape(n, h // 2, strip)
    lanes = strip // 2
    state = np.empty((4, lanes), dtype=np.uint32)
    bits = np.empty((2, lanes), dtype=np.uint32)
    if beta > 0:
        seed_lanes(state, key)
    noise = np.zeros(strip, dtype=np.float32)
    keep = np.ones(strip, dtype=np.float32)
    t = np.empty(strip, dtype=np.float32)
    scales, shifts = _repeated(scale, 2 * w), _repeated(shift, 2 * w)
    for i in range(n):
        for r in range(h // 2):
            _tanh(strips[i, r], scales, shifts, t)
            if beta > 0:
                fill_normals(state, bits, noise)
            if p > 0:
                _fill_keep(key, (i * (h // 2) + r) * lanes, p, keep)
            _add_noise(t, keep, _f(beta), noise, slopes[i, r])
            _pool(t, pooled[i, r], which[i, r])


@numba.njit(cache=True, fastmath=True, error_model="numpy")
def _tanh(y, scales, shifts, s):
    for j in range(y.size):
        s[j] = tanh(scales[j] * y[j] + shifts[j])


@numba.njit(cache=True, fastmath=True)
def _add_noise(t, keep, beta, noise, slope):
    """From s to t in place, and the slope."""
    for j in range(t.size):
        s = t[j]
        t[j] = s * keep[j] + beta * noise[j]
        slope[j] = (_f(1.0) - s * s) * keep[j]


@numba.njit(cache=True)
def _pool(t, pooled, which):
    half, c = pooled.shape
    for q in range(half):
        t00, t01, t10, t11 = _corners(t, q, half, c)
        for k in range(c):
            best = max(max(t00[k], t01[k]), max(t10[k], t11[k]))
            # backwards, so that the first of equal ones stays
            at = np.int32(2) if t10[k] == best else np.int32(3)
            at = np.int32(1) if t01[k] == best else at
            at = np.int32(0) if t00[k] == best else at
            pooled[q, k] = best
            which[q, k] = at


@numba.njit(inline="always")
def _corners(strip, q, half, c):
    """The four neighbours, [c] each, that are pooled to column ``q``, in the order of ``which``."""
    top = 2 * q * c
    low = top + 2 * half * c
    return (
        strip[top : top + c],
        strip[top + c : top + 2 * c],
        strip[low : low + c],
        strip[low + c : low + 2 * c],
    )


@numba.njit(cache=True, fastmath=True)
def pooled_tanh_backward(gradient, y, slope, which, mean, inverse_sd, weight, out):
    """Through pooling, tanh and batch norm: the gradient by y into ``out``, by weight and bias.

    ``gradient`` is by ``pooled``; ``slope`` and ``which`` are from ``pooled_tanh``. With
    x̂ = (y − mean)·inverse_sd and g the gradient by weight·x̂ + bias, it is by y
    weight·inverse_sd·(g − mean of g − x̂·mean of g·x̂), by weight Σ g·x̂ and by bias Σ g.
    """
    n, h, w, c = y.shape
    strip = 2 * w * c
    strips = y.reshape(n, h // 2, strip)
    slopes = slope.reshape(n, h // 2, strip)
    outs = out.reshape(n, h // 2, strip)
    by_weight = np.zeros(c, dtype=np.float64)
    by_bias = np.zeros(c, dtype=np.float64)
    part = np.empty((2, strip), dtype=np.float32)
    means = _repeated(mean, 2 * w)
    for i in range(n):
        part[:] = 0
        for r in range(h // 2):
            _spread(gradient[i, r], which[i, r], outs[i, r])
            _sums(strips[i, r], slopes[i, r], means, outs[i, r], part[0], part[1])
        _fold(part[0], by_bias)
        _fold(part[1], by_weight)
    by_weight *= inverse_sd
    # by y: factor·g + slant·y + level
    factor = weight * inverse_sd
    slant = -factor * inverse_sd * by_weight / (n * h * w)
    level = -factor * by_bias / (n * h * w) - slant * mean
    factors, slants, levels = (
        _repeated(factor.astype(np.float32), 2 * w),
        _repeated(slant.astype(np.float32), 2 * w),
        _repeated(level.astype(np.float32), 2 * w),
    )
    for i in range(n):
        for r in range(h // 2):
            _lines(strips[i, r], factors, slants, levels, outs[i, r])
    return by_weight.astype(np.float32), by_bias.astype(np.float32)


@numba.njit(cache=True)
def _spread(gradient, which, out):
    """``gradient`` [w/2, c] to that of 2×2 places of a strip where ``which`` points, 0 elsewhere.

    Adding to zeros is vectorised; storing one or the other is not, and takes five times as long.
    """
    half, c = which.shape
    zero = _f(0.0)
    out[:] = zero
    for q in range(half):
        o00, o01, o10, o11 = _corners(out, q, half, c)
        for k in range(c):
            at, value = which[q, k], gradient[q, k]
            o00[k] += value if at == 0 else zero
            o01[k] += value if at == 1 else zero
            o10[k] += value if at == 2 else zero
            o11[k] += value if at == 3 else zero


@numba.njit(cache=True, fastmath=True)
def _sums(y, slope, means, g, by_bias, by_weight):
    """From the gradient by t to that by the affine map, in place, and its sums."""
    for j in range(y.size):
        g[j] *= slope[j]
        by_bias[j] += g[j]
        by_weight[j] += g[j] * (y[j] - means[j])


@numba.njit(cache=True, fastmath=True)
def _lines(y, factors, slants, levels, g):
    for j in range(y.size):
        g[j] = factors[j] * g[j] + slants[j] * y[j] + levels[j]
