"""Standard normal numbers for numba kernels: xoshiro128++ in parallel lanes, and Box-Muller.

Every lane is a generator of its own, seeded by SplitMix64 (Blackman & Vigna, 2021). A stream is
named by a tuple of integers hashed into 64 bits, so numbers depend on the name alone, not on
which thread asks for them. 32 bits go into each radius: the tails reach 6.7 standard deviations.
"""

import numpy as np

from ib_runner.compiled import inner, njit, parallel_range
from ib_runner.vector_math import LOG2E

_f = np.float32
_SPLITMIX_STEP = np.uint64(0x9E3779B97F4A7C15)


@inner()
def splitmix64(x):
    """The SplitMix64 output for state ``x`` (uint64): a bijection that mixes all 64 bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit()
def stream(seed, purpose, index):
    """A 64-bit stream name from three non-negative integers."""
    key = splitmix64(np.uint64(seed) + _SPLITMIX_STEP)
    key = splitmix64((key ^ np.uint64(purpose)) + _SPLITMIX_STEP)
    return splitmix64((key ^ np.uint64(index)) + _SPLITMIX_STEP)


@inner()
def seed_lanes(state, key):
    """Fill the states ``state`` [4, lanes] (uint32) of the stream ``key``."""
    lanes = state.shape[1]
    for lane in range(lanes):
        first = splitmix64(key + _SPLITMIX_STEP * np.uint64(2 * lane + 1))
        second = splitmix64(key + _SPLITMIX_STEP * np.uint64(2 * lane + 2))
        state[0, lane] = np.uint32(first & np.uint64(0xFFFFFFFF))
        state[1, lane] = np.uint32(first >> np.uint64(32))
        state[2, lane] = np.uint32(second & np.uint64(0xFFFFFFFF))
        state[3, lane] = np.uint32(second >> np.uint64(32)) | np.uint32(1)


@inner()
def _rotate(x, k):
    return (x << np.uint32(k)) | (x >> np.uint32(32 - k))


@inner()
def _next(a, b, c, d):
    """One step of xoshiro128++: 32 random bits, and the state after it."""
    bits = np.uint32(_rotate(np.uint32(a + d), 7) + a)
    shifted = np.uint32(b << np.uint32(9))
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    return bits, a, b, c, np.uint32(_rotate(d, 11))


@inner(fastmath=True, error_model="numpy")
def _minus_log(u):
    """−ln u for 2^−33 < u ≤ 1, relative error below 1e-6."""
    bits = _f(u).view(np.int32)
    exponent = np.int32((bits - np.int32(0x3F3504F3)) >> np.int32(23))
    m = np.int32(bits - (exponent << np.int32(23))).view(np.float32)
    s = (m - _f(1.0)) / (m + _f(1.0))
    s2 = s * s
    p = _f(2.0 / 9.0)
    p = p * s2 + _f(2.0 / 7.0)
    p = p * s2 + _f(2.0 / 5.0)
    p = p * s2 + _f(2.0 / 3.0)
    p = p * s2 + _f(2.0)
    return -(_f(exponent) / LOG2E + s * p)


@inner(fastmath=True, error_model="numpy")
def fill_normals(state, out):
    """Fill ``out`` [2·lanes] (float32) with independent N(0, 1)."""
    lanes = state.shape[1]
    a_state, b_state, c_state, d_state = state[0], state[1], state[2], state[3]
    first, second = out[:lanes], out[lanes:]
    for i in range(lanes):
        of_radius, a, b, c, d = _next(a_state[i], b_state[i], c_state[i], d_state[i])
        of_angle, a_state[i], b_state[i], c_state[i], d_state[i] = _next(a, b, c, d)
        u = (_f(np.int32(of_radius >> np.uint32(1))) + _f(0.5)) * _f(2.0**-31)
        radius = np.sqrt(_f(2.0) * max(_minus_log(u), _f(0.0)))
        # the angle 2πv, v in [−1/2, 1/2): a quarter turn and a remainder within ±π/4
        v = _f(np.int32(of_angle)) * _f(2.0**-32)
        quarter = np.floor(_f(4.0) * v + _f(0.5))
        angle = (v - _f(0.25) * quarter) * _f(2.0 * np.pi)
        a2 = angle * angle
        sine = _f(-1.9515296e-4) * a2 + _f(8.3321609e-3)
        sine = angle + angle * a2 * (sine * a2 + _f(-1.6666655e-1))
        cosine = _f(2.4433157e-5) * a2 + _f(-1.3887316e-3)
        cosine = cosine * a2 + _f(4.1666646e-2)
        cosine = _f(1.0) + a2 * (_f(-0.5) + a2 * cosine)
        turn = np.int32(quarter)
        odd = np.int32(turn & np.int32(1)) == np.int32(1)
        x = sine if odd else cosine
        y = cosine if odd else sine
        flip_x = np.int32((turn + np.int32(1)) & np.int32(2)) == np.int32(2)
        flip_y = np.int32(turn & np.int32(2)) == np.int32(2)
        first[i] = radius * (-x if flip_x else x)
        second[i] = radius * (-y if flip_y else y)


@parallel_range()
def normals(begin, end, seed, purpose, numbers, out):
    """Fill ``out`` [n, rows, columns] (float32, columns even) with independent N(0, 1).

    ``out[k]`` is a function of (``seed``, ``purpose``, ``numbers[k]``).
    """
    rows, columns = out.shape[1:]
    for k in range(begin, end):
        state = np.empty((4, columns // 2), np.uint32)
        seed_lanes(state, stream(seed, purpose, numbers[k]))
        for row in range(rows):
            fill_normals(state, out[k, row])
