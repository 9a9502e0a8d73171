"""Threads: how many libraries use, and tasks shared out among several."""

import time

import numba
import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from ib_runner.threads import in_threads, one_blas_thread


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    before = numba.get_num_threads()
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("numba may use one thread only")
    numba.set_num_threads(2)
    yield
    numba.set_num_threads(before)


def test_numpy_has_one_thread_within_the_block_alone():
    before = blas_threads()
    with one_blas_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_results_are_in_the_order_of_the_tasks(two_threads):
    def slow_at_first(number):
        time.sleep(0.02 * (number < 2))
        return number, torch.get_num_threads(), numba.get_num_threads()

    before = torch.get_num_threads()
    assert in_threads(slow_at_first, 6) == [(number, 1, 1) for number in range(6)]
    assert torch.get_num_threads() == before
    assert numba.get_num_threads() == 2


def test_one_thread_does_the_same_tasks():
    assert in_threads(lambda number: (number, torch.get_num_threads()), 3, several=False) == [
        (number, 1) for number in range(3)
    ]
    assert in_threads(lambda number: number, 0) == []


@pytest.mark.parametrize("several", [True, False])
def test_an_error_of_a_task_is_raised_and_ends_the_rest(several, two_threads):
    begun = []

    def task(number):
        begun.append(number)
        if number == 1:
            raise ValueError("task 1")
        time.sleep(0.01)

    with pytest.raises(ValueError, match="task 1"):
        in_threads(task, 500, several)
    assert len(begun) < 500


def test_tasks_have_the_callers_settings_of_numpy(two_threads):
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        in_threads(lambda _: np.exp(np.full(3, 1e4)), 2)
