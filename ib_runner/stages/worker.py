"""Work in other processes of this machine, which end with this one."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TypeVar

from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from ib_runner.collector import collector_rests

Result = TypeVar("Result")

#: seconds between a worker's checks whether its parent process is alive
_LOOKS = 2.0
_watched = threading.Event()


def in_worker(task: Callable[..., Result], parent: int, *arguments: object) -> Result:
    """Do ``task`` with ``arguments``; this process ends when process ``parent`` ends."""
    if os.getpid() != parent and not _watched.is_set():
        _watched.set()
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    return task(*arguments)


def end_with(parent: int) -> None:
    """End this process as soon as process ``parent`` has ended; to be called in a thread."""
    while os.getppid() == parent:
        time.sleep(_LOOKS)
    os._exit(1)  # at once, to free the memory: the results have no reader


def imported(module: str) -> None:
    """Import ``module``, whose objects stay, while the garbage collector rests."""
    with collector_rests():
        import_module(module)


@contextmanager
def helpers(workers: int, module: str) -> Iterator[ProcessPoolExecutor | None]:
    """Processes that import ``module`` while this one does other things; None for 0 ``workers``.

    They end with the block.
    """
    if workers == 0:
        yield None
        return
    pool = ProcessPoolExecutor(workers)
    try:
        for _ in range(workers):
            pool.submit(in_worker, imported, os.getpid(), module)
        yield pool
    except BaseException:
        pool.shutdown(wait=False, kill_workers=True)
        raise
    pool.shutdown()


def shared_out(
    names: Sequence[str],
    here: Callable[[str], object],
    there: Callable[[str], object],
    pool: ProcessPoolExecutor | None,
) -> Iterator[str]:
    """Call ``here`` in this process, or ``there`` in one of ``pool``, for each name; yields names.

    Each process takes the next name when it is free; a name comes when its call has returned. What
    a call raises is raised. Whatever workers that die have not done is done here.
    """
    todo, given = deque(names), dict[Future[object], str]()
    lock = threading.RLock()  # a name is always in one of them: both threads may take the next

    def give(_: object = None) -> None:
        with lock, suppress(BrokenProcessPool):
            if todo:
                future = pool.submit(in_worker, there, os.getpid(), todo[0])
                given[future] = todo.popleft()
                future.add_done_callback(give)

    def own() -> str | None:
        with lock:
            return todo.popleft() if todo else None

    for _ in range(pool._max_workers if pool else 0):
        give()
    while True:
        while (name := own()) is not None:
            here(name)
            yield name
        with lock:
            if not given:
                return
            future = next(iter(given))
        wait([future])
        with lock:
            name = given.pop(future)
        try:
            future.result()
        except BrokenProcessPool:
            here(name)
        yield name
