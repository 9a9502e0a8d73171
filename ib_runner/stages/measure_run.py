"""One run while it is measured: held, its tasks, the parts that come in, its tables in the end."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ib_runner.config.builder import for_runs
from ib_runner.errors import IbRunError, MeasurementFailedError, UsageError
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger
from ib_runner.runs.parts import Parts
from ib_runner.stages.epochs import epochs_to_measure
from ib_runner.stages.measure_epoch import EpochTask, Failure, Measured
from ib_runner.tables.files import replace_rows, write_table
from ib_runner.tables.schema import TABLES


class MeasuredRun:
    """``run`` and what ``config.measure`` asks for of it.

    A context manager that holds the run, until it is through at the latest. ``error`` is what went
    wrong. Raises ``UsageError`` where nothing is trained, or an epoch to measure has no checkpoint.
    """

    def __init__(self, config: DictConfig, run: Run):
        run.check_checkpoints()
        if not run.epochs:
            raise UsageError(
                f"run={run.path}: nothing is trained yet; `ib-run train run={run.path}`."
            )
        self.config = config
        self.run = run
        self.epochs = epochs_to_measure(config, run.epochs)
        self.error: IbRunError | None = None
        self._measurements = for_runs(run.builder(config).measurements())
        self._names = _measured_at_this_noise(config, run, self._measurements)
        self._failures: list[Failure] = []
        self._came: set[int] = set()
        self._held = ExitStack()
        settings = _settings_hash(config, self._names, self.epochs)
        self._parts = Parts(run.path / "measurements" / f".parts-{settings}")

    def __enter__(self) -> "MeasuredRun":
        with ExitStack() as held, log_to(self._log):
            held.enter_context(self.run.held())
            self.run.check_data(self.run.dataset())
            _remark(self.config, self.run, [self._measurements[name] for name in self._names])
            self.run.forget_dataset()  # other runs wait with theirs
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def name(self) -> str:
        """What the tasks and their results call this run."""
        return str(self.run.path.resolve())

    @property
    def _log(self) -> Path:
        return self.run.path / "measure.log"

    @cached_property
    def todo(self) -> list[EpochTask]:
        """A task for each epoch that has no whole part yet."""
        settings = OmegaConf.to_yaml(self.config, resolve=True)
        names, epochs, done = tuple(self._names), tuple(self.epochs), self._parts.done
        return [
            EpochTask(self.name, self.run.allow_targets, settings, names, epochs, epoch)
            for epoch in epochs
            if epoch not in done
        ]

    @property
    def through(self) -> bool:
        """Whether nothing more is to come."""
        return self.error is not None or len(self._came) == len(self.todo)

    def add(self, measured: Measured) -> None:
        """Keep what came of one task."""
        self._came.add(measured.epoch)
        if measured.refusal is not None:
            self.error = self.error or UsageError(measured.refusal)
            return
        with log_to(self._log):
            for failure in measured.failures:
                logger.warning("measure: %s: %s", self.run.path.name, failure)
        self._failures += measured.failures
        self._parts.add(measured.epoch, measured.tables, whole=not measured.failures)

    def finish(self) -> None:
        """Merge all parts into the run's tables, unless it was refused, and let go of the run."""
        try:
            if self.error is None:
                with log_to(self._log):
                    self._merge()
        except IbRunError as error:
            self.error = error
        finally:
            self.run.forget_dataset()
            self._held.close()

    def _merge(self) -> None:
        metadata = self.run.table_metadata(self.config)
        for name, new in self._parts.tables():
            path = self.run.table_path(name)
            merged = replace_rows(self.run.table(name), new, name) if path.is_file() else new
            write_table(path, merged, name, metadata)
        self._summarise()
        if self._failures:
            raise MeasurementFailedError(self._told())
        self._parts.remove()

    def _summarise(self) -> None:
        """Tables made from tables: those whose sources are there, without failed points."""
        names = {one.measurement for one in self._failures}
        failed = {
            self._measurements[name].table for name in self._names if name in names or None in names
        }
        n_inputs = len(getattr(self.run.dataset(), self.config.measure.inputs))
        beta = float(OmegaConf.select(self.run.config, "noise.beta") or 0.0)
        for one in self._measurements.values():
            if not hasattr(one, "summarise"):
                continue
            if not failed.isdisjoint(one.tables_needed):
                logger.warning(
                    "measure: %s left as it is, for want of the points that failed", one.table
                )
            elif all(self.run.table_path(table).is_file() for table in one.tables_needed):
                rows = one.summarise(self.run.table, n_inputs, beta)
                if len(rows):
                    path, metadata = self.run.table_path(one.table), self.run.table_metadata
                    write_table(path, rows, one.table, metadata(self.config))

    def _told(self) -> str:
        failures = self._failures
        epochs = {failure.epoch for failure in failures}
        more = f" (and {len(failures) - 1} more, see measure.log)" if len(failures) > 1 else ""
        return (
            f"run={self.run.path}: points of {len(epochs)} of {len(self.epochs)} epochs failed, "
            f"the others are in the tables;\nthe same command tries them again. {failures[0]}{more}"
        )


def _measured_at_this_noise(
    config: DictConfig, run: Run, measurements: Mapping[str, Any]
) -> list[str]:
    """The measurements to make: all, or at another noise level those whose rows name it."""
    measurements = {
        name: one for name, one in measurements.items() if not hasattr(one, "summarise")
    }
    trained, measured = (OmegaConf.select(c, "noise.beta") for c in (run.config, config))
    if trained == measured:
        return list(measurements)
    kept = [name for name, one in measurements.items() if "beta" in TABLES[one.table]]
    logger.info(
        "noise.beta = %s, trained with %s: measuring %s only, whose rows name the noise level",
        measured,
        trained,
        ", ".join(kept) or "nothing",
    )
    return kept


def _remark(config: DictConfig, run: Run, measurements: Sequence[Any]) -> None:
    """Log, once, what measurements have to say about the network that they will measure."""
    for one in measurements:
        if hasattr(one, "remarks"):
            network = run.builder(config).network(run.dataset()).eval()
            for remark in one.remarks(network, run.dataset().all.x[:2]):
                logger.info("%s: %s", one.table, remark)


def _settings_hash(config: DictConfig, names: list[str], epochs: list[int]) -> str:
    """Two calls with one hash make the same rows."""
    text = json.dumps([measured_with(config), names, epochs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def measured_with(config: DictConfig) -> dict[str, Any]:
    """What the rows are a function of: not where they are computed."""
    settings = OmegaConf.to_container(config, resolve=True)
    relevant = {key: settings[key] for key in ("measure", "measurement", "noise", "seed")}
    for key in ("n_jobs", "scheduler"):
        relevant["measure"].pop(key, None)
    return relevant
