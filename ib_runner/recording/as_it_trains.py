"""Measuring epochs of a run in a worker process while this process trains.

The worker builds the network with the recorder's factory, reads each epoch's weights from its
checkpoint, and writes the run's tables, from which pages and figures can be made at any time. The
processes exchange paths, settings and epoch numbers, so that no network is pickled. This process
holds the run's lock for both; only the worker writes the tables of measurements until it ends.
"""

import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numba
import torch
from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor
from omegaconf import DictConfig, OmegaConf

from ib_runner.config.builder import Builder
from ib_runner.errors import IbRunError, UsageError
from ib_runner.progress import Progress
from ib_runner.recording.recorded_history import LOG
from ib_runner.runs.folder import Run
from ib_runner.runs.log import logger
from ib_runner.runs.parts import EPOCH, epoch_of
from ib_runner.stages.in_python import configured
from ib_runner.stages.measure_processes import DEATHS
from ib_runner.stages.measure_run import MeasuredRun
from ib_runner.stages.worker import end_with

WORDS = "as it trains"
#: by default, measured epochs per power of ten, log-spaced: some 84 up to epoch 10,000
PER_DECADE = 21
#: increment of the worker's niceness, so that a training that shares its core hardly slows down
NICENESS = 10


class AsItTrains:
    """Measures chosen epochs of ``run`` in a worker, those of ``config.measure.epochs``.

    ``config.network`` says how the worker builds the network.
    """

    def __init__(self, config: DictConfig, run: Run):
        self._run = run
        self._wanted = OmegaConf.to_container(config.measure)["epochs"]
        self._work = str(run.path.resolve()), run.allow_targets, OmegaConf.to_yaml(config)
        self._futures: dict[int, Any] = {}
        self._deaths = 0
        self._executor = self._started()
        measured = _measured_before(run)
        for epoch in run.epochs:  # a resumed run has epochs already
            if epoch not in measured:
                self.offer(epoch)

    def offer(self, epoch: int) -> None:
        """Measure ``epoch``, which has a checkpoint by now, if it is one of the chosen epochs."""
        if self._is_chosen(epoch):
            self._submit(epoch)
        for one in list(self._futures):
            if one in self._futures and self._futures[one].done():
                self._take(one)

    def finish(self, last: int) -> None:
        """Wait until all chosen epochs are measured, and ``last`` too unless epochs were named."""
        try:
            if self._wanted is None and last >= 0 and not self._is_chosen(last):
                self._submit(last)
            with Progress(len(self._futures), f"measure {WORDS}", "epoch") as bar:
                while self._futures:
                    before = len(self._futures)
                    self._take(next(iter(self._futures)))
                    for _ in range(before - len(self._futures)):
                        bar.update()
        finally:
            self.stop()
        if isinstance(self._wanted, list) and (never := set(self._wanted) - set(self._run.epochs)):
            logger.warning("%s: never recorded: epochs %s", WORDS, sorted(never))

    def stop(self) -> None:
        """End the worker; epochs that are not measured yet are left out."""
        self._executor.shutdown(wait=True, kill_workers=True)

    def _is_chosen(self, epoch: int) -> bool:
        if self._wanted is None:
            return epoch in _grid_around(epoch)
        return self._wanted == "all" or epoch in self._wanted

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, initializer=_begin, initargs=(os.getpid(),))

    def _submit(self, epoch: int) -> None:
        try:
            self._futures[epoch] = self._executor.submit(_measure, *self._work, epoch)
        except BrokenProcessPool:
            self._start_again()
            self._futures[epoch] = self._executor.submit(_measure, *self._work, epoch)

    def _take(self, epoch: int) -> None:
        """Wait until ``epoch`` is measured, and log an error if measuring it failed."""
        try:
            self._futures[epoch].result()
        except BrokenProcessPool:
            return self._start_again()
        except Exception as error:
            logger.warning("%s: epoch %d: %s", WORDS, epoch, error)
        del self._futures[epoch]
        self._deaths = 0
        return None

    def _start_again(self) -> None:
        """Replace a worker that died; an epoch during which ``DEATHS`` workers died is left out."""
        self._deaths += 1
        missing = list(self._futures)
        if self._deaths >= DEATHS and missing:
            epoch, *missing = missing
            why = f"{DEATHS} worker processes died measuring it (killed, or out of memory?)"
            logger.warning("%s: epoch %d: %s", WORDS, epoch, why)
            self._deaths = 0
        self._executor.shutdown(wait=True, kill_workers=True)
        self._executor, self._futures = self._started(), {}
        for epoch in missing:
            self._submit(epoch)


def settings_of(
    measure: str | Mapping[str, Any] | None, config: DictConfig, path: object
) -> DictConfig | None:
    """The configuration for a recorder's argument ``measure``; None where that is None.

    Raises ``UsageError`` for another word than "as it trains", or wrong settings.
    """
    if measure is None:
        return None
    if isinstance(measure, str) and measure != WORDS:
        raise UsageError(
            f'measure={measure!r}: "{WORDS}", or a dict of what run.measure() takes, is needed.'
        )
    asked = {} if isinstance(measure, str) else dict(measure)
    return configured("measure", config, {**asked, "n_jobs": 1}, "measure", path)


def check_rebuildable(factory: str | None, network: str) -> None:
    """Raise ``UsageError`` where there is no ``factory`` to build the network in the worker.

    ``network`` is the name of its class, for the message.
    """
    if factory is None:
        raise UsageError(
            f'measure="{WORDS}": the process that measures has to build {network} itself, for no '
            'network is pickled:\nsay how by factory="package.function" and arguments={…}, or call '
            "run.measure() after the training."
        )


def _grid_around(epoch: int) -> set[int]:
    """The epochs of the default choice next to ``epoch``: 0, 1 and a log-spaced grid."""
    if epoch <= 1:
        return {0, 1}
    place = round(PER_DECADE * math.log10(epoch))
    return {round(10 ** (step / PER_DECADE)) for step in (place - 1, place, place + 1)}


def _measured_before(run: Run) -> set[int]:
    """The epochs with rows in the tables, without those that a killed worker left half merged."""
    folder = run.path / "measurements"
    names = {path.stem for path in folder.glob("*.parquet")} - {LOG}
    found: set[int] = set()
    for name in names:
        rows = run.table(name)
        found |= set(rows["epoch"]) if "epoch" in rows else set()
    return found - {epoch_of(path) for path in folder.glob(f".parts-*/{EPOCH}")}


# --- code that runs in the worker process


class _HeldForUs(Run):
    """A run whose lock the training process holds for its worker too.

    ``config.network`` builds the network, even where the run was begun without a factory.
    """

    def __init__(self, path: str, allow_targets: tuple[str, ...], config: DictConfig):
        super().__init__(path, allow_targets)
        self._network = config.network

    def builder(self, config: DictConfig | None = None) -> Builder:
        config = (self.config if config is None else config).copy()
        config.network = self._network
        return super().builder(config)

    @contextmanager
    def held(self, doing: str = "") -> Iterator[None]:
        yield

    def update(self, **fields: Any) -> None:
        """Nothing: only the training process writes ``run.json``, which says that it trains."""


def _begin(parent: int) -> None:
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    os.nice(NICENESS)
    torch.set_num_threads(1)
    numba.set_num_threads(1)


def _measure(path: str, allow_targets: tuple[str, ...], settings: str, epoch: int) -> None:
    """Measure ``epoch`` of the run at ``path`` and merge the rows into the run's tables."""
    config = OmegaConf.create(settings)
    config.measure.epochs, config.measure.further_epochs = [epoch], []
    with MeasuredRun(config, _HeldForUs(path, allow_targets, config)) as measured:
        for task in measured.todo:
            measured.add(task(threads=1))
        measured.finish()
        if measured.error is not None:
            raise IbRunError(str(measured.error))
    logger.setLevel("WARNING")  # the training process has logged the remarks on the network
