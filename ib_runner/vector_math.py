"""Scalar functions written so that LLVM vectorises the loops they stand in.

The C library's ``exp`` and ``tanh`` cost 10 to 20 ns a value and stop a loop from being
vectorised; these are inlined polynomials at well under 1 ns, in float32 but for one of them.
"""

import numpy as np

from ib_runner.compiled import inner, njit

_f = np.float32
LOG2E = _f(1.4426950408889634)
#: lower exponents are raised to this one: 2**x would be a denormal number, 10 times slower
LOWEST_EXPONENT = _f(-126.0)
#: the same for float64, and the highest exponent
LOWEST_DOUBLE, HIGHEST_DOUBLE = -1022.0, 1023.0
#: whole numbers added to this are the last bits of the sum
_LAST_BITS = 1.5 * 2.0**52


@njit(inline="always", fastmath=True)
def exp2(x):
    """2**x for −126 ≤ x ≤ 127, relative error below 2e-7; below, 2**−126."""
    x = max(x, LOWEST_EXPONENT)
    whole = np.floor(x)
    r = x - whole
    p = _f(1.8775767e-3)
    p = p * r + _f(8.9893397e-3)
    p = p * r + _f(5.5826318e-2)
    p = p * r + _f(2.4015361e-1)
    p = p * r + _f(6.9315308e-1)
    p = p * r + _f(9.9999994e-1)
    bits = (np.int32(whole) + np.int32(127)) << np.int32(23)
    return p * np.int32(bits).view(np.float32)


# in ten places of a kernel, each of which would be compiled from its statements: kernels are the
# same where LLVM puts it in
@inner(forceinline=True, fastmath=True)
def exp2_coarse(x):
    """2**x for −126 ≤ x ≤ 126, relative error below 3e-6, a fifth faster; below, about 2**−126."""
    x = max(x, LOWEST_EXPONENT)
    whole = np.rint(x)
    r = x - whole
    p = _f(9.570101792e-3)
    p = p * r + _f(5.591786031e-2)
    p = p * r + _f(2.402474483e-1)
    p = p * r + _f(6.931218147e-1)
    p = p * r + _f(9.999992614e-1)
    # p is in [0.7, 1.42]: adding to its exponent bits multiplies it by 2**whole
    return np.int32(_f(p).view(np.int32) + (np.int32(whole) << np.int32(23))).view(np.float32)


@njit(inline="always", fastmath=True)
def tanh(x):
    """tanh(x), absolute error below 2e-7."""
    e = exp2(min(max(x * (_f(2.0) * LOG2E), _f(-30.0)), _f(30.0)))
    return (e - _f(1.0)) / (e + _f(1.0))


@njit(inline="always", fastmath=True)
def exp2_double(x):
    """2**x in float64, relative error below 1e-14; x below −1022 or above 1023 counts as that."""
    x = min(max(x, LOWEST_DOUBLE), HIGHEST_DOUBLE)
    whole = np.rint(x)
    r = x - whole
    p = 4.44553827187081e-10
    p = p * r + 7.05491162080112333e-9
    p = p * r + 1.01780860092396996e-7
    p = p * r + 1.32154867901443095e-6
    p = p * r + 1.52527338040598403e-5
    p = p * r + 1.54035303933816099e-4
    p = p * r + 1.33335581464284434e-3
    p = p * r + 9.61812910762847716e-3
    p = p * r + 5.55041086648215800e-2
    p = p * r + 2.40226506959100712e-1
    p = p * r + 6.93147180559945309e-1
    p = p * r + 1.0
    # adding to the exponent bits of p multiplies it by 2**whole. These are the last bits of a sum,
    # as AVX2 cannot convert float64 to integers
    bits = np.float64(whole + _LAST_BITS).view(np.int64) << np.int64(52)
    return np.int64(np.float64(p).view(np.int64) + bits).view(np.float64)
