"""Threads of this process: how many torch and numpy use, and tasks shared out among several."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

_T = TypeVar("_T")


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block, torch uses one thread, since their number changes a product's last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within the block, numpy's products and decompositions use one thread.

    Ours are of small matrices, which gain nothing from more threads; and where other processes use
    the processors, OpenBLAS's threads wait for each other in loops that take several times as much
    processor time as the products do.
    """
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def in_threads(task: Callable[[int], _T], n: int, several: bool = True) -> list[_T]:
    """``task`` of 0 to ``n`` − 1, on as many threads as numba is set to use, or with ``several``
    False on this thread alone; torch uses one thread in each.

    An error of a task is raised here, and no task is begun after it.
    """
    import numba  # here, as its import takes a while

    threads = min(numba.get_num_threads(), n) if several else 1
    if threads <= 1:
        with one_thread():
            return [task(number) for number in range(n)]
    with ThreadPoolExecutor(threads, initializer=_alone) as pool:
        # numpy's settings belong to the context
        return results_of(
            pool, [pool.submit(copy_context().run, task, number) for number in range(n)]
        )


def results_of(pool: ThreadPoolExecutor, tasks: list[Future[_T]]) -> list[_T]:
    """What the ``tasks`` of ``pool`` return; an error of one is raised, and ends the rest."""
    try:
        return [one.result() for one in tasks]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _alone() -> None:
    import numba

    numba.set_num_threads(1)
    torch.set_num_threads(1)
