"""Measuring several runs, whose epochs share one pool of processes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from omegaconf import DictConfig

from ib_runner.errors import IbRunError
from ib_runner.progress import Progress
from ib_runner.runs.folder import Run
from ib_runner.stages.measure_cluster import on_cluster
from ib_runner.stages.measure_epoch import EpochTask, Measured
from ib_runner.stages.measure_processes import compiled_before, in_processes, prepare
from ib_runner.stages.measure_run import MeasuredRun


def measure_runs(configs: Mapping[Run, DictConfig]) -> dict[Run, IbRunError]:
    """Measure what each run's ``config.measure`` asks for and merge it into the run's tables.

    Returns the error of each run that failed: ``UsageError`` where an epoch to measure has no
    checkpoint, ``MeasurementFailedError`` where some epochs or layers could not be measured and all
    others are in the tables. A failed run stops no other. Measured epochs are kept in part files,
    so that an interrupted measurement goes on where it stopped; a run's tables are written, and its
    lock is freed, when its last epoch is done.
    """
    failed: dict[Run, IbRunError] = {}
    with ExitStack() as held:
        measured: dict[str, MeasuredRun] = {}
        for run, config in configs.items():
            try:
                one = held.enter_context(MeasuredRun(config, run))
            except IbRunError as error:
                failed[run] = error
            else:
                measured[one.name] = one
        _measure_epochs(list(measured.values()))
        failed |= {one.run: one.error for one in measured.values() if one.error is not None}
    return failed


def _measure_epochs(runs: Sequence[MeasuredRun]) -> None:
    """Measure the remaining epochs of all ``runs``, with one progress bar."""
    by_name = {one.name: one for one in runs}
    total = sum(len(one.epochs) for one in runs)
    done = total - sum(len(one.todo) for one in runs)
    for one in runs:
        if one.through:
            one.finish()
    doing = "starting: reading checkpoints, loading the kernels"
    with Progress(total, "measure", "epoch", done, doing) as bar:
        for result in _results(runs, bar):
            one = by_name[result.run]
            one.add(result)
            bar.update(one.run.path.name if len(runs) > 1 else f"epoch {result.epoch}")
            if one.through:
                one.finish()
            if all(one.through for one in runs):
                return  # only runs with refused settings are left


def _results(runs: Sequence[MeasuredRun], bar: Progress) -> Iterator[Measured]:
    """The results of all tasks as they come, from the processes or the cluster of each run."""
    places: dict[tuple[str | None, int], list[EpochTask]] = {}
    for one in runs:
        where = one.config.measure.scheduler, one.config.measure.n_jobs
        places.setdefault(where, []).extend(one.todo)
    for (scheduler, n_jobs), tasks in places.items():
        if scheduler is None:
            if not compiled_before():
                bar.doing("compiling kernels, once on this machine")
                prepare(tasks, n_jobs)
            yield from in_processes(tasks, n_jobs)
        else:
            yield from on_cluster(tasks, scheduler)
