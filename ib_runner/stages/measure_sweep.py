"""Measuring a sweep's runs together, such as cosines between the weights of two runs."""

from collections.abc import Mapping

import pandas as pd
from omegaconf import DictConfig

from ib_runner.config.builder import Builder, resolve_device
from ib_runner.errors import UsageError
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.stages.asked_epochs import epochs_to_measure
from ib_runner.stages.sweep_of_runs import SweepOfRuns
from ib_runner.tables.collect import sweep_table_path
from ib_runner.tables.files import write_table


def measure_sweep(sweep: SweepOfRuns) -> None:
    """Write the sweep's tables that are about several runs."""
    for measurement, config in sweep.entries(Builder.measurements).values():
        frames = [
            measurement.over_runs(_snapshots(sweep, epoch))
            for epoch in measurement.select(_common_epochs(sweep, config))
        ]
        if any(map(len, frames)):
            rows = pd.concat(frames, ignore_index=True)
            path = sweep_table_path(sweep.path, measurement.table)
            write_table(path, rows, measurement.table, {"sweep": sweep.path.name})


def _common_epochs(sweep: SweepOfRuns, config: DictConfig) -> list[int]:
    """The epochs to measure that have a checkpoint in every run."""
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
            device=resolve_device(config.device),
        )
        for run, config in zip(sweep.runs, sweep.configs, strict=True)
    }
