"""One task of a measurement: one checkpoint of one run, in whatever process it lands."""

from collections.abc import Sequence
from functools import lru_cache

import numba
import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from ib_runner.build import build_measurements
from ib_runner.errors import UsageError
from ib_runner.measurements.measurement import Measurement
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.runs.folder import Run
from ib_runner.runs.schema import key_columns


@lru_cache(maxsize=4)
def _opened(
    path: str, allow_targets: tuple[str, ...], settings: str
) -> tuple[Run, DictConfig, dict[str, Measurement]]:
    config = OmegaConf.create(settings)
    return Run(path, allow_targets), config, build_measurements(config, allow_targets)


def measure_epoch(
    path: str,
    allow_targets: tuple[str, ...],
    settings: str,
    names: Sequence[str],
    epochs: Sequence[int],
    epoch: int,
    threads: int,
) -> tuple[int, dict[str, pd.DataFrame]]:
    """All measurements ``names`` of one epoch: the epoch, and a frame for each table.

    ``settings`` is the configuration as YAML and ``epochs`` all that are measured, from which
    each measurement selects its own. Values don't depend on ``threads``.
    """
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    run, config, measurements = _opened(path, allow_targets, settings)
    snapshot = Snapshot(
        epoch=epoch,
        network=run.network(epoch, config),
        inputs=getattr(run.dataset(), config.measure.inputs),
        seed=config.seed,
    )
    tables: dict[str, list[pd.DataFrame]] = {}
    for name in names:
        measurement = measurements[name]
        if epoch in set(measurement.select(epochs)):
            frame = measurement(snapshot)
            if len(frame):
                tables.setdefault(measurement.table, []).append(frame)
    return epoch, {table: _together(table, frames) for table, frames in tables.items()}


def _together(table: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of those that several entries made for ``table``."""
    rows = pd.concat(frames, ignore_index=True)
    if len(frames) > 1 and rows.duplicated(key_columns(table)).any():
        raise UsageError(
            f"measure.measurements: two of its entries make the same rows of {table}.\n"
            "Let each have layers, units or widths of its own."
        )
    return rows
