"""Measuring epochs in several processes of this machine."""

import os
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError
from omegaconf import DictConfig, OmegaConf

from ib_runner.compiled import is_kept
from ib_runner.errors import UsageError
from ib_runner.files.provenance import processors
from ib_runner.information.interval.mixture_kernel import add_mixtures
from ib_runner.runs.log import logger
from ib_runner.stages.measure_epoch import Chosen, EpochTask, Measured
from ib_runner.stages.rehearsal import Rehearsal, rehearsals
from ib_runner.stages.worker import in_worker

#: deaths of workers in a row, without a finished epoch between them, after which to give up
DEATHS = 3
_GOLDEN = (5**0.5 - 1) / 2
#: the most processes that compile kernels while a network trains; seconds without work after which
#: they end
MOST_COMPILING, IDLE = 2, 10


@dataclass
class _State:
    """Whether kernels were ``compiled`` before this process, and what it has had rehearsed.

    ``begun`` includes what is ``done``.
    """

    compiled: bool | None = None
    begun: set[Chosen] = field(default_factory=set)
    done: set[Chosen] = field(default_factory=set)


_state = _State()


def n_workers(n_jobs: int, tasks: int) -> int:
    """The number of worker processes for ``measure.n_jobs`` (−1: one for each processor)."""
    return max(1, min(tasks, processors() if n_jobs == -1 else n_jobs))


def compiled_before() -> bool:
    """Whether the kernels that take longest to compile were in this machine's cache.

    That is looked at once, before this process has others compile them.
    """
    if _state.compiled is None:
        _state.compiled = is_kept(add_mixtures)
    return _state.compiled


def prepare(tasks: Sequence[EpochTask], n_jobs: int) -> None:
    """Start the workers for ``tasks``, and have each of them compile a share of the kernels.

    Used where these were not ``compiled_before``; does nothing for a single worker, and leaves out
    what ``prepared_meanwhile`` had compiled. What that has begun comes last: it is waited for.
    """
    _state.compiled, workers = True, n_workers(n_jobs, len(tasks))
    if workers == 1:
        return
    with suppress(UsageError, TerminatedWorkerError):  # in_processes meets and reports both again
        parts = rehearsals(tasks[0].settings, tasks[0].allow_targets)
        parts = [one for one in parts if one.part not in _state.done]
        parts.sort(key=lambda one: one.part in _state.begun)
        Parallel(n_jobs=workers)(delayed(in_worker)(part, os.getpid(), 1) for part in parts)


@contextmanager
def prepared_meanwhile(
    config: DictConfig, allow_targets: tuple[str, ...]
) -> Iterator[Callable[[], None]]:
    """While the block runs, compile the kernels for measuring on other processors.

    Gives a function that has no further kernels begun; those that are begun go on. Does nothing
    where the kernels were compiled before, or there is only one processor.
    """
    others = min(processors(), MOST_COMPILING + 1) - 1
    over = threading.Event()
    if others == 0 or compiled_before():
        yield over.set
        return
    parts: Iterator[Rehearsal] = iter(())
    with suppress(UsageError):
        parts = iter(rehearsals(OmegaConf.to_yaml(config), allow_targets))
    with ProcessPoolExecutor(others, timeout=IDLE) as pool:

        def submit_next() -> None:
            if not over.is_set() and (part := next(parts, None)) is not None:
                _state.begun.add(part.part)
                future = pool.submit(in_worker, part, os.getpid(), 1)
                future.add_done_callback(partial(ended, part.part))

        def ended(part: Chosen, future: Future[None]) -> None:
            if not future.cancelled() and future.exception() is None:
                _state.done.add(part)
                submit_next()

        for _ in range(others):
            submit_next()
        try:
            yield over.set
        except BaseException:
            over.set()
            pool.shutdown(wait=False, kill_workers=True)
            raise
        over.set()


def in_processes(tasks: Sequence[EpochTask], n_jobs: int) -> Iterator[Measured]:
    """The results of all ``tasks``, in the order in which they are finished.

    With one worker, this process measures itself. Where a worker dies (killed, or out of memory),
    the missing epochs are tried again; after ``DEATHS`` deaths in a row their results are failures.
    """
    workers = n_workers(n_jobs, len(tasks))
    threads = max(1, processors() // workers)
    missing, deaths = {(one.run, one.epoch): one for one in _mixed(tasks)}, 0
    while missing and deaths < DEATHS:
        calls = [delayed(in_worker)(task, os.getpid(), threads) for task in missing.values()]
        try:
            pool = Parallel(n_jobs=workers, return_as="generator_unordered")
            with _closed_quietly(pool(calls)) as results:
                for measured in results:
                    del missing[measured.run, measured.epoch]
                    deaths = 0
                    yield measured
        except TerminatedWorkerError:
            deaths += 1
            logger.warning(
                "measure: a worker process died; %d epochs are left to measure", len(missing)
            )
            # the epochs under way go last: one of them may kill its worker again
            order = list(missing.items())
            missing = dict(order[workers:] + order[:workers])
    for task in missing.values():
        yield task.nothing(
            f"{DEATHS} worker processes died one after the other (killed, or out of memory?); "
            "fewer of them, measure.n_jobs, need less memory",
        )


def _mixed(tasks: Sequence[EpochTask]) -> list[EpochTask]:
    """The ``tasks``, run by run, with early and late epochs of each run mixed.

    Some epochs take ten times as long as others; mixed, the finished ones show how long the rest
    will take. Multiples of the golden ratio modulo 1 spread the epochs evenly at every moment.
    """
    found = []
    for _, of_run in groupby(tasks, key=lambda task: task.run):
        numbered = sorted(enumerate(of_run), key=lambda one: one[0] * _GOLDEN % 1.0)
        found += [task for _, task in numbered]
    return found


@contextmanager
def _closed_quietly(
    results: Generator[Measured, None, None],
) -> Iterator[Iterator[Measured]]:
    """``results`` for the block, without joblib's warning where the block ends before they do."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.close()
