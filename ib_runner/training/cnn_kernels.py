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


@numba.njit(cache=True, fastmath=True)
def moments(y):
    """Mean and biased variance of every channel: float32 [c] each."""
    n, h, w, c = y.shape
    rows = y.reshape(n, h * w, c)
    mean = np.zeros(c, dtype=np.float64)
    part = np.empty(c, dtype=np.float32)
    for i in range(n):
        part[:] = 0
        for j in range(h * w):
            for k in range(c):
                part[k] += rows[i, j, k]
        mean += part
    mean /= n * h * w
    centre = mean.astype(np.float32)
    variance = np.zeros(c, dtype=np.float64)
    for i in range(n):
        part[:] = 0
        for j in range(h * w):
            for k in range(c):
                part[k] += (rows[i, j, k] - centre[k]) ** 2
        variance += part
    return centre, (variance / (n * h * w)).astype(np.float32)


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
    (uint8) says which of the four is the largest, the first one where they are equal, and
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
    # one number for each value of a strip: loops without a period of c
    scales = np.empty(strip, dtype=np.float32)
    shifts = np.empty(strip, dtype=np.float32)
    for j in range(strip):
        scales[j] = scale[j % c]
        shifts[j] = shift[j % c]
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
        top = 2 * q * c
        low = top + 2 * half * c
        for k in range(c):
            best, its_rise, at = t[top + k], rise[top + k], np.int32(0)
            j = top + c + k
            larger = t[j] > best
            best, its_rise = (t[j] if larger else best), (rise[j] if larger else its_rise)
            at = np.int32(1) if larger else at
            j = low + k
            larger = t[j] > best
            best, its_rise = (t[j] if larger else best), (rise[j] if larger else its_rise)
            at = np.int32(2) if larger else at
            j = low + c + k
            larger = t[j] > best
            best, its_rise = (t[j] if larger else best), (rise[j] if larger else its_rise)
            at = np.int32(3) if larger else at
            pooled[q, k] = best
            slope[q, k] = its_rise
            which[q, k] = np.uint8(at)
