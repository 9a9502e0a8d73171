"""A sweep's own measurements, figures and findings: those about its runs together.

Entries with a method ``over_runs`` belong here; the stages of the single runs pass over them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from ib_runner.build import (
    build_figures,
    build_findings,
    build_measurements,
    for_runs,
    for_sweeps,
)
from ib_runner.errors import UsageError
from ib_runner.figures.style import encode
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.runs.atomic import make_folder, write_bytes
from ib_runner.runs.folder import Run
from ib_runner.runs.log import logger
from ib_runner.runs.sweep import read_sweep, swept_values
from ib_runner.selections.context import Runs, Tables, read
from ib_runner.stages.check import finding_row
from ib_runner.stages.context import context_of
from ib_runner.stages.epochs import epochs_to_measure
from ib_runner.stages.verdicts import in_tables
from ib_runner.tables.collect import (
    SweptRun,
    collect_findings,
    collect_tables,
    sweep_table_path,
)
from ib_runner.tables.files import read_table, write_table


@dataclass(frozen=True)
class SweepOfRuns:
    """A sweep's folder, its swept ``keys``, its ``runs`` and the configuration to treat each with.

    Both are in the same order.
    """

    path: Path
    keys: tuple[str, ...]
    runs: tuple[Run, ...]
    configs: tuple[DictConfig, ...]

    def entries(self, build: Callable[..., dict[str, Any]]) -> dict[str, tuple[Any, DictConfig]]:
        """What ``build`` makes for sweeps from the runs' configurations, the first of each name."""
        found: dict[str, tuple[Any, DictConfig]] = {}
        for run, config in zip(self.runs, self.configs, strict=True):
            for name, one in for_sweeps(build(config, run.allow_targets)).items():
                found.setdefault(name, (one, config))
        return found

    def has_keys(self, entry: Any) -> bool:
        """Whether the keys that ``entry`` is about are swept."""
        return set(getattr(entry, "keys_needed", ())) <= set(self.keys)

    @cached_property
    def swept(self) -> list[SweptRun]:
        """The runs as their sweep's tables see them."""
        jobs = read_sweep(self.path).jobs
        return [
            SweptRun(name, swept_values(run.config, self.keys, jobs[name]), run.table_path)
            for run in self.runs
            for name in [run.path.name]
        ]

    @cached_property
    def tables(self) -> Tables:
        """The sweep's tables by name; ``FileNotFoundError`` where there is none."""
        return cache(lambda name: read_table(sweep_table_path(self.path, name)))

    @cached_property
    def about(self) -> Runs:
        """What figures and findings get to know."""
        pairs = zip(self.runs, self.configs, strict=True)
        contexts = {run.path.name: context_of(config, run) for run, config in pairs}
        return Runs(self.keys, contexts)


def train_sweep(sweep: SweepOfRuns) -> None:
    """The runs' tables in one each."""
    collect_tables(sweep.path, sweep.swept)


def measure_sweep(sweep: SweepOfRuns) -> None:
    """The runs' tables in one each, and the tables about several runs."""
    collect_tables(sweep.path, sweep.swept)
    for measurement, config in sweep.entries(build_measurements).values():
        frames = [
            measurement.over_runs(_snapshots(sweep, epoch))
            for epoch in measurement.select(_common_epochs(sweep, config))
        ]
        if any(map(len, frames)):
            rows = pd.concat(frames, ignore_index=True)
            path = sweep_table_path(sweep.path, measurement.table)
            write_table(path, rows, measurement.table, {"sweep": sweep.path.name})


def _common_epochs(sweep: SweepOfRuns, config: DictConfig) -> list[int]:
    """The measured epochs of which every run has a checkpoint."""
    common = set.intersection(*(set(run.epochs) for run in sweep.runs))
    try:
        return epochs_to_measure(config, sorted(common))
    except UsageError as error:
        raise UsageError(f"run={sweep.path}: {error}") from error


def _snapshots(sweep: SweepOfRuns, epoch: int) -> Mapping[str, Snapshot]:
    return {
        run.path.name: Snapshot(
            epoch=epoch,
            network=run.network(epoch, config),
            inputs=getattr(run.dataset(), config.measure.inputs),
            seed=config.seed,
        )
        for run, config in zip(sweep.runs, sweep.configs, strict=True)
    }


def plot_sweep(sweep: SweepOfRuns) -> None:
    """Write ``figures/NAME.FORMAT`` for each figure over runs whose keys and tables are there."""
    for name, (figure, config) in sweep.entries(build_figures).items():
        if not sweep.has_keys(figure):
            continue
        missing = [one for one in figure.tables_needed if read(sweep.tables, one) is None]
        if missing:
            logger.warning("plot: %s left out, it needs %s", name, ", ".join(missing))
            continue
        try:
            drawn = figure.over_runs(sweep.tables, sweep.about)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
        folder = sweep.path / "figures"
        make_folder(folder)
        for kind in config.plot.formats:
            write_bytes(folder / f"{name}.{kind}", encode(drawn, kind))
        logger.info("%s: %s", folder, name)


def check_sweep(sweep: SweepOfRuns) -> None:
    """The share of runs in which each finding holds, and the findings about several runs.

    Of these, those whose swept keys are there.
    """
    rows = [
        finding_row(name, finding, finding.over_runs(sweep.tables, sweep.about), len(sweep.runs))
        for name, (finding, _) in sweep.entries(build_findings).items()
        if sweep.has_keys(finding)
    ]
    over_runs = collect_findings(sweep.path, sweep.swept, rows, _rules(sweep))
    if over_runs:
        experiments = {context.experiment for context in sweep.about.contexts.values()}
        print(in_tables(over_runs, experiments.pop() if len(experiments) == 1 else None))


def _rules(sweep: SweepOfRuns) -> dict[str, dict[str, str]]:
    """What the findings about single runs must meet, in words, by run and finding."""
    return {
        run.path.name: {
            name: finding.rule
            for name, finding in for_runs(build_findings(config, run.allow_targets)).items()
        }
        for run, config in zip(sweep.runs, sweep.configs, strict=True)
    }


#: what follows the runs' own work, for each verb
AFTER = {"train": train_sweep, "measure": measure_sweep, "plot": plot_sweep, "check": check_sweep}
