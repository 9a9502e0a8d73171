"""Measuring one run: its lock, its tasks, their results as part files, finally its tables."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from ib_runner.config.builder import for_runs
from ib_runner.errors import IbRunError, MeasurementFailedError, UsageError
from ib_runner.measurements.layers import FEW, channel_rows
from ib_runner.measurements.measurement import Remarks, Summary, table_of
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger
from ib_runner.runs.parts import Parts
from ib_runner.stages.asked_epochs import epochs_to_measure
from ib_runner.stages.measure_epoch import EpochTask, Failure, Measured, chosen
from ib_runner.stages.measured import (
    is_measured,
    measured_fingerprint,
    note_measured,
    row_settings,
)
from ib_runner.stages.run_context import record_layers, tables_of
from ib_runner.tables.files import replace_rows, write_table
from ib_runner.tables.schema import Table
from ib_runner.tables.settings import fingerprint, settings_metadata, settings_of
from ib_runner.tables.version import SCHEMA_VERSION


class MeasuredRun:
    """``run`` while it is measured as ``config.measure`` asks.

    A context manager that holds the run's lock until ``finish`` or the end of the block. ``error``
    is the error to report in the end, or None. Raises ``UsageError`` where nothing is trained, or
    an epoch to measure has no checkpoint.
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
        made = {name: self._measurements[name] for name in self._names}
        self._chosen = chosen(made, self.epochs)
        self._failures: list[Failure] = []
        self._came: set[int] = set()
        self._held = ExitStack()
        self._written: set[str] = set()
        self._measured = measured_fingerprint(config, self._names, self.epochs)
        #: whether the tables have all rows already
        self.is_there = is_measured(run, config, self._measured)
        self._tables = {one.table: table_of(one) for one in self._measurements.values()}
        parts = f".parts-{SCHEMA_VERSION}-{self._measured}"
        self._parts = Parts(run.path / "measurements" / parts)

    def __enter__(self) -> "MeasuredRun":
        with ExitStack() as held, log_to(self._log):
            held.enter_context(self.run.held())
            self.run.check_data(self.run.dataset())
            if not self.is_there:
                _remark(self.config, self.run, [self._measurements[name] for name in self._names])
            self.run.forget_dataset()  # all runs of a sweep are open at once
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def name(self) -> str:
        """The name of this run in tasks and results."""
        return str(self.run.path.resolve())

    @property
    def _log(self) -> Path:
        return self.run.path / "measure.log"

    @cached_property
    def todo(self) -> list[EpochTask]:
        """A task for each epoch that has no complete part file yet."""
        if self.is_there:
            return []
        settings = OmegaConf.to_yaml(self.config, resolve=True)
        done = self._parts.done
        return [
            EpochTask(self.name, self.run.allow_targets, settings, made, epoch)
            for epoch, made in self._chosen.items()
            if epoch not in done
        ]

    @property
    def through(self) -> bool:
        """Whether all results have come, or the settings were refused."""
        return self.error is not None or len(self._came) == len(self.todo)

    def add(self, measured: Measured) -> None:
        """Keep the result of one task in part files."""
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
        """Merge all parts into the tables, unless the settings were refused, and free the lock."""
        try:
            if self.error is None:
                with log_to(self._log):
                    self._end()
        except IbRunError as error:
            self.error = error
        finally:
            self.run.forget_dataset()
            self._held.close()

    def _end(self) -> None:
        if self.is_there:
            logger.info(
                "measure: %s: all of %d epochs is measured with these settings, nothing to do",
                self.run.path,
                len(self.epochs),
            )
        else:
            self._merge()

    def _merge(self) -> None:
        record_layers(self.config, self.run)
        for name, new in self._parts.tables():
            path, table = self.run.table_path(name), self._tables[name]
            new = new.assign(settings=self._fingerprint)
            known = {self._fingerprint: row_settings(self.config)}
            if path.is_file():
                old = self.run.table(name)
                known |= settings_of(old)
                new = replace_rows(old, new, table)
            self._write(table, new, known)
        self._summarise()
        if self._failures:
            raise MeasurementFailedError(self._told())
        note_measured(self.run, self.config, self._measured, sorted(self._written))
        self._parts.remove()

    def _write(
        self, table: Table, rows: pd.DataFrame, known: Mapping[str, Mapping[str, Any]]
    ) -> None:
        made_with = self.run.table_metadata(self.config)
        metadata = {**made_with, **settings_metadata(rows, known)}
        write_table(self.run.table_path(table.name), rows, table, metadata)
        self._written.add(table.name)

    @property
    def _fingerprint(self) -> str:
        return fingerprint(row_settings(self.config))

    def _summarise(self) -> None:
        """Write the tables that are made from other tables, where these exist and none failed."""
        names = {one.measurement for one in self._failures}
        failed = {
            self._measurements[name].table for name in self._names if name in names or None in names
        }
        tables = tables_of(self.config, self.run)
        for one in self._measurements.values():
            if not isinstance(one, Summary):
                continue
            if not failed.isdisjoint(one.tables_needed):
                logger.warning(
                    "measure: table %s is not updated, as some of its sources failed", one.table
                )
            elif all(self.run.table_path(table).is_file() for table in one.tables_needed):
                rows = one.summarise(tables)
                if len(rows):
                    rows = rows.assign(settings=self._fingerprint)
                    self._write(table_of(one), rows, {self._fingerprint: row_settings(self.config)})

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
    """The names of the measurements to make.

    At a noise level other than the trained one, those whose rows have a column ``beta``.
    """
    measurements = {name: one for name, one in measurements.items() if not isinstance(one, Summary)}
    if run.config.noise == config.noise:
        return list(measurements)
    own, measured = (_noise(run, one) for one in (run.config, config))
    if own == measured:  # also where the network ignores noise.beta
        return list(measurements)
    kept = [name for name, one in measurements.items() if "beta" in table_of(one).columns]
    logger.info(
        "beta = %s, trained with %s: measuring %s only, whose rows name the noise level",
        _named(measured),
        _named(own),
        ", ".join(kept) or "nothing",
    )
    return kept


def _noise(run: Run, config: DictConfig) -> list[tuple[float, float]]:
    """(β, dropout probability p) of each noise channel of the network that ``config`` describes."""
    network, few = run.network(run.epochs[0], config), run.dataset().all.x[:FEW]
    return [(row["beta"], row["p"]) for row in channel_rows(network, few)]


def _named(noise: Sequence[tuple[float, float]]) -> str:
    """The noise levels β of the layers as text; one number where all are the same."""
    betas = [f"{beta:g}" for beta, _ in noise]
    return ", ".join(betas if len(set(betas)) > 1 else betas[:1])


def _remark(config: DictConfig, run: Run, measurements: Sequence[Any]) -> None:
    """Log the ``measurements``' remarks about the network, once a run instead of once an epoch."""
    for one in measurements:
        table = one.table
        if isinstance(one, Remarks):
            network = run.builder(config).network(run.dataset()).eval()
            for remark in one.remarks(network, run.dataset().all.x[:2]):
                logger.info("%s: %s", table, remark)
