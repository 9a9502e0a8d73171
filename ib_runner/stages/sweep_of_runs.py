"""A sweep's runs together, for the stages' ``over_runs``.

Measurements, figures and findings with a method ``over_runs`` are about a sweep; work on single
runs leaves them out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from ib_runner.config.builder import Builder, for_sweeps
from ib_runner.runs.folder import Run
from ib_runner.runs.open_sweep import measured_inputs
from ib_runner.runs.sweep_folder import read_sweep, swept_values
from ib_runner.selections.context import Runs, Tables
from ib_runner.stages.run_context import complete_layers, context_of
from ib_runner.tables.collect import SweptRun, collect_table, collect_tables, sweep_table_path
from ib_runner.tables.files import read_table
from ib_runner.tables.settings import latest_inputs


@dataclass(frozen=True)
class SweepOfRuns:
    """A sweep's folder, its swept ``keys``, its ``runs``, and the configuration for each run.

    Runs and configurations are in the same order.
    """

    path: Path
    keys: tuple[str, ...]
    runs: tuple[Run, ...]
    configs: tuple[DictConfig, ...]

    def entries(
        self, build: Callable[[Builder], dict[str, Any]]
    ) -> dict[str, tuple[Any, DictConfig]]:
        """The entries over runs that ``build`` makes, by name, each with its configuration.

        Where several runs' configurations have an entry of one name, the first is used.
        """
        found: dict[str, tuple[Any, DictConfig]] = {}
        for run, config in zip(self.runs, self.configs, strict=True):
            for name, one in for_sweeps(build(run.builder(config))).items():
                found.setdefault(name, (one, config))
        return found

    def has_keys(self, entry: Any) -> bool:
        """Whether the sweep varies all keys that ``entry`` needs."""
        return set(getattr(entry, "keys_needed", ())) <= set(self.keys)

    def collect_tables(self) -> None:
        """Write each table of the runs as one of the sweep."""
        collect_tables(self.path, self.swept)

    @cached_property
    def swept(self) -> list[SweptRun]:
        """The runs as ``tables.collect`` takes them."""
        jobs = read_sweep(self.path).jobs
        return [
            SweptRun(name, swept_values(run.config, self.keys, jobs[name]), run.table_path)
            for run in self.runs
            for name in [run.path.name]
        ]

    @cached_property
    def tables(self) -> Tables:
        """The sweep's tables by name; ``FileNotFoundError`` where there is none."""
        return cache(self._table)

    def _table(self, name: str) -> pd.DataFrame:
        """The sweep's table ``name``, with each run's rows about the inputs it measured last."""
        path = sweep_table_path(self.path, name)
        if name == "layers":
            self._complete_layers(path)
        rows = read_table(path)
        if name == "layers":
            return rows[rows["inputs"] == rows["run"].map(self._inputs)]
        return latest_inputs(rows, self._inputs)

    @cached_property
    def _inputs(self) -> dict[str, str]:
        return measured_inputs(self.runs)

    def _complete_layers(self, path: Path) -> None:
        """Write the missing tables ``layers`` of the runs, then the sweep's, to ``path``."""
        for run, config in zip(self.runs, self.configs, strict=True):
            complete_layers(config, run)
        if not path.is_file():
            collect_table(self.path, self.swept, "layers")

    @cached_property
    def about(self) -> Runs:
        """The facts about the sweep that figures and findings get as an argument."""
        pairs = zip(self.runs, self.configs, strict=True)
        contexts = {run.path.name: context_of(config, run) for run, config in pairs}
        return Runs(self.keys, contexts)
