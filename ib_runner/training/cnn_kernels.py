"""Batch norm, tanh, noise and 2×2 max-pooling in one pass over a convolution's output.

Arrays are float32 with the channels last, y [n, h, w, c] and pooled [n, h/2, w/2, c]: the inner
loops run over channels and are vectorised. Two rows of one image at a time, with their noise, fit
into the first-level cache. Only a quarter of the values has a gradient after pooling: the backward
pass needs y and, of that quarter, values, derivatives and places.
"""

import numpy as np

from ib_runner.compiled import njit
from ib_runner.information.sampling.normal_numbers import fill_normals, seed_lanes, splitmix64
from ib_runner.vector_math import tanh

_f = np.float32


@njit(fastmath=True)
def moments(y):
    """Mean and biased variance of every channel: float32 [c] each.

    Sums are float32 within the rows of one image, float64 over images.
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


@njit(fastmath=True)
def _fold(part, total):
    """Add ``part`` [q·c] to ``total`` [c], channel by channel."""
    c = total.size
    for q in range(part.size // c):
        for k in range(c):
            total[k] += part[q * c + k]


@njit()
def _repeated(channels, times):
    """``channels`` [c] repeated ``times`` times, [times·c]."""
    c = channels.size
    out = np.empty(times * c, dtype=np.float32)
    for j in range(times * c):
        out[j] = channels[j % c]
    return out


@njit()
def _fill_keep(key, at, p, keep):
    """Fill ``keep`` with dropout's factors: 1/(1 − p) with probability 1 − p, else 0.

    Two values come from one 64-bit random number, beginning with number ``at`` of stream ``key``.
    """
    threshold = np.uint64(np.int64(p * 2.0**32))
    scale = _f(1.0 / (1.0 - p))
    for j in range(keep.size // 2):
        bits = splitmix64(key + np.uint64(at + j) * np.uint64(0x9E3779B97F4A7C15))
        keep[2 * j] = scale if (bits >> np.uint64(32)) >= threshold else _f(0.0)
        keep[2 * j + 1] = scale if (bits & np.uint64(0xFFFFFFFF)) >= threshold else _f(0.0)


@njit()
def _fill_keep_maps(key, at, p, c, keep):
    """As ``_fill_keep``, with one factor for each of ``c`` maps: keep[q·c + k] is that of map k."""
    for k in range(c):
        _fill_keep(key, at + k, p, keep[2 * k : 2 * k + 2])
    for k in range(c):
        keep[k] = keep[2 * k]
    for j in range(c, keep.size):
        keep[j] = keep[j - c]


@njit()
def pooled_tanh(y, scale, shift, beta, p, maps, key, pooled, slope, chosen, place):
    """t = tanh(scale·y + shift) with noise, then ``pooled`` = max of 2×2 values.

    ``scale`` and ``shift`` are [c]. ``beta`` is the standard deviation of Gaussian noise, ``p`` the
    probability of dropout (0: none), of single values or, with ``maps``, of whole maps [h, w] of an
    image. Random numbers are a function of ``key``.

    Further results, of the shape of ``pooled``: ``place`` (int32), the position of the (first)
    largest of the four values within its two rows [2·w·c]; ``chosen``, y at that position; and
    ``slope``, the derivative of t with respect to scale·y + shift there.
    """
    n, h, w, c = y.shape
    strip = 2 * w * c
    strips = y.reshape(n, h // 2, strip)
    flat_slope = slope.reshape(n, h // 2, strip // 4)
    flat_chosen = chosen.reshape(n, h // 2, strip // 4)
    flat_place = place.reshape(n, h // 2, strip // 4)
    lanes = strip // 2
    state = np.empty((4, lanes), dtype=np.uint32)
    if beta > 0:
        seed_lanes(state, key)
    noise = np.zeros(strip, dtype=np.float32)
    keep = np.ones(strip, dtype=np.float32)
    t, slopes = np.empty(strip, dtype=np.float32), np.empty(strip, dtype=np.float32)
    scales, shifts = _repeated(scale, 2 * w), _repeated(shift, 2 * w)
    for i in range(n):
        if p > 0 and maps:
            _fill_keep_maps(key, i * c, p, c, keep)
        for r in range(h // 2):
            _tanh(strips[i, r], scales, shifts, t)
            if beta > 0:
                fill_normals(state, noise)
            if p > 0 and not maps:
                _fill_keep(key, (i * (h // 2) + r) * lanes, p, keep)
            _add_noise(t, keep, _f(beta), noise, slopes)
            _pool(t, pooled[i, r], place[i, r])
            _take(slopes, flat_place[i, r], flat_slope[i, r])
            _take(strips[i, r], flat_place[i, r], flat_chosen[i, r])


@njit()
def pooled_tanh_clean(y, scale, shift, pooled):
    """``pooled`` of :func:`pooled_tanh` without noise: tanh of the maximum, as tanh increases."""
    n, h, w, c = y.shape
    strips = y.reshape(n, h // 2, 2 * w * c)
    flat = pooled.reshape(n, h // 2, (w // 2) * c)
    scales, shifts = _repeated(scale, 2 * w), _repeated(shift, 2 * w)
    a = np.empty(2 * w * c, dtype=np.float32)
    for i in range(n):
        for r in range(h // 2):
            _affine(strips[i, r], scales, shifts, a)
            _largest(a, pooled[i, r])
            _tanh_of(flat[i, r])


@njit(fastmath=True, error_model="numpy")
def _tanh_of(a):
    """Replace the values of ``a`` by their tanh."""
    for j in range(a.size):
        a[j] = tanh(a[j])


@njit(fastmath=True)
def _affine(y, scales, shifts, a):
    for j in range(y.size):
        a[j] = scales[j] * y[j] + shifts[j]


@njit()
def _largest(t, pooled):
    half, c = pooled.shape
    for q in range(half):
        t00, t01, t10, t11 = _corners(t, q, half, c)
        for k in range(c):
            pooled[q, k] = max(max(t00[k], t01[k]), max(t10[k], t11[k]))


@njit(fastmath=True, error_model="numpy")
def _tanh(y, scales, shifts, s):
    for j in range(y.size):
        s[j] = tanh(scales[j] * y[j] + shifts[j])


@njit(fastmath=True)
def _add_noise(t, keep, beta, noise, slope):
    """Turn s, in ``t``, into t with noise in place, and fill ``slope``."""
    for j in range(t.size):
        s = t[j]
        t[j] = s * keep[j] + beta * noise[j]
        slope[j] = (_f(1.0) - s * s) * keep[j]


@njit()
def _pool(t, pooled, place):
    half, c = pooled.shape
    for q in range(half):
        t00, t01, t10, t11 = _corners(t, q, half, c)
        top = np.int32(2 * q * c)
        low = np.int32(top + 2 * half * c)
        for k in range(c):
            best = max(max(t00[k], t01[k]), max(t10[k], t11[k]))
            # from the last corner to the first, so that the first of equal values is chosen
            at = low if t10[k] == best else np.int32(low + c)
            at = np.int32(top + c) if t01[k] == best else at
            at = top if t00[k] == best else at
            pooled[q, k] = best
            place[q, k] = at + k


@njit()
def _take(values, place, out):
    for j in range(place.size):
        out[j] = values[np.uint32(place[j])]


@njit(inline="always")
def _corners(strip, q, half, c):
    """The four values, [c] each, that are pooled to column ``q`` of a strip of two rows."""
    top = 2 * q * c
    low = top + 2 * half * c
    return (
        strip[top : top + c],
        strip[top + c : top + 2 * c],
        strip[low : low + c],
        strip[low + c : low + 2 * c],
    )


@njit(fastmath=True)
def pooled_tanh_backward(gradient, y, slope, chosen, place, mean, inverse_sd, weight, out):
    """Backward pass through pooling, tanh and batch norm.

    ``gradient`` is dL/d``pooled``; ``slope`` (overwritten), ``chosen`` and ``place`` come from
    ``pooled_tanh``. With x̂ = (y − mean)·inverse_sd and g = dL/d(weight·x̂ + bias): ``out`` gets
    dL/dy = weight·inverse_sd·(g − mean of g − x̂·mean of g·x̂); the results are dL/dweight = Σ g·x̂
    and dL/dbias = Σ g.
    """
    n, h, w, c = y.shape
    row = (w // 2) * c
    strips = y.reshape(n, h // 2, 2 * w * c)
    outs = out.reshape(n, h // 2, 2 * w * c)
    gradient = gradient.reshape(n, h // 2, row)
    slope = slope.reshape(n, h // 2, row)
    chosen = chosen.reshape(n, h // 2, row)
    place = place.reshape(n, h // 2, row)
    by_weight = np.zeros(c, dtype=np.float64)
    by_bias = np.zeros(c, dtype=np.float64)
    part = np.empty((2, row), dtype=np.float32)
    means = _repeated(mean, w // 2)
    for i in range(n):
        part[:] = 0
        for r in range(h // 2):
            _sums(gradient[i, r], chosen[i, r], means, slope[i, r], part[0], part[1])
        _fold(part[0], by_bias)
        _fold(part[1], by_weight)
    by_weight *= inverse_sd
    # dL/dy = factor·g + slant·y + level
    factor = weight * inverse_sd
    slant = -factor * inverse_sd * by_weight / (n * h * w)
    level = -factor * by_bias / (n * h * w) - slant * mean
    factors = _repeated(factor.astype(np.float32), w // 2)
    slants = _repeated(slant.astype(np.float32), 2 * w)
    levels = _repeated(level.astype(np.float32), 2 * w)
    for i in range(n):
        for r in range(h // 2):
            _affine(strips[i, r], slants, levels, outs[i, r])
            _spread(slope[i, r], place[i, r], factors, outs[i, r])
    return by_weight.astype(np.float32), by_bias.astype(np.float32)


@njit()
def _spread(g, place, factors, out):
    for j in range(place.size):
        out[np.uint32(place[j])] += factors[j] * g[j]


@njit(fastmath=True)
def _sums(gradient, y, means, slope, by_bias, by_weight):
    """Turn ``slope`` into g = dL/d(weight·x̂ + bias), and sum g and g·x̂ over images and pixels."""
    for j in range(y.size):
        slope[j] *= gradient[j]
        by_bias[j] += slope[j]
        by_weight[j] += slope[j] * (y[j] - means[j])
