"""Scalar functions of the kernels against numpy's."""

import re

import numba
import numpy as np

from ib_runner.vector_math import exp2_coarse, exp2_double


@numba.njit
def powers(x):
    found = np.empty_like(x)
    for k in range(x.size):
        found[k] = exp2_double(x[k])
    return found


def test_powers_of_two_in_float64():
    x = np.concatenate([np.linspace(-1022, 1023, 20_001), [0.0, 0.5, -0.5, 1.5, 1e-17]])
    assert np.abs(powers(x) / np.exp2(x) - 1.0).max() < 1e-14
    assert powers(np.arange(-3.0, 4.0)).tolist() == np.exp2(np.arange(-3.0, 4.0)).tolist()


def test_what_has_no_normal_number_as_its_power():
    assert powers(np.array([-np.inf, -5000.0])).tolist() == [2.0**-1022] * 2
    assert powers(np.array([np.inf, 5000.0])).tolist() == [2.0**1023] * 2


@numba.njit(fastmath=True)
def coarse(x, found):
    for k in range(x.size):
        found[k] = exp2_coarse(x[k])


def test_coarse_powers_of_two_are_vector_code():
    x = np.linspace(-126, 126, 20_001, dtype=np.float32)
    found = np.empty_like(x)
    coarse(x, found)
    assert np.abs(found / np.exp2(x.astype(np.float64)) - 1.0).max() < 3e-6
    (code,) = coarse.inspect_llvm().values()
    assert re.search(r"fmul fast <\d+ x float>", code)
