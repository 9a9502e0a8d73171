"""One task of a measurement: one checkpoint of one run, in whatever process it lands."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numba
import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from ib_runner.build import build_measurements
from ib_runner.errors import UsageError, interruption_behind
from ib_runner.measurements.measurement import LayersFailedError, Measurement, cause
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.runs.folder import Run
from ib_runner.runs.schema import key_columns
from ib_runner.runs.tables import check_rows


@dataclass(frozen=True)
class Failure:
    """What could not be measured, and why. None: every ``measurement``, every ``layer``."""

    epoch: int
    measurement: str | None
    layer: int | None
    cause: str

    def __str__(self) -> str:
        layer = "" if self.layer is None else f", layer {self.layer}"
        return f"epoch {self.epoch}{layer}: {self.measurement or 'nothing measured'}: {self.cause}"


@dataclass(frozen=True)
class Measured:
    """What came of one epoch: a frame for each table, and what failed."""

    epoch: int
    tables: dict[str, pd.DataFrame]
    failures: tuple[Failure, ...] = ()

    @classmethod
    def nothing(cls, epoch: int, why: str) -> "Measured":
        """All of ``epoch`` failed."""
        return cls(epoch, {}, (Failure(epoch, None, None, why),))


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
) -> Measured:
    """All measurements ``names`` of one epoch. One that fails does not stop the others.

    ``settings`` is the configuration as YAML and ``epochs`` all that are measured, from which
    each measurement selects its own. Values don't depend on ``threads``. Raises ``UsageError``
    where the settings are wrong, for any epoch.
    """
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    run, config, measurements = _opened(path, allow_targets, settings)
    try:
        network = run.network(epoch, config)
    except UsageError:
        raise
    except Exception as error:
        return Measured.nothing(epoch, cause(error))
    inputs = getattr(run.dataset(), config.measure.inputs)
    snapshot = Snapshot(epoch, network, inputs, config.seed)
    tables: dict[str, list[pd.DataFrame]] = {}
    failures = []
    for name in names:
        frame, failed = _measure(name, measurements[name], snapshot, epochs)
        failures += failed
        if len(frame):
            tables.setdefault(measurements[name].table, []).append(frame)
    together = {table: _together(table, frames) for table, frames in tables.items()}
    return Measured(epoch, together, tuple(failures))


def _measure(
    name: str, measurement: Measurement, snapshot: Snapshot, epochs: Sequence[int]
) -> tuple[pd.DataFrame, list[Failure]]:
    """The rows of one measurement, none if it is not for this epoch, and what failed."""
    epoch, failures = snapshot.epoch, []
    try:
        if epoch not in set(measurement.select(epochs)):
            return pd.DataFrame(), []
        try:
            frame = measurement(snapshot)
        except LayersFailedError as error:
            frame = error.rows
            failures = [Failure(epoch, name, layer, why) for layer, why in error.causes]
        if len(frame):
            check_rows(frame, measurement.table)
    except UsageError:
        raise
    except Exception as error:  # a user's own measurement may raise anything
        if (interruption := interruption_behind(error)) is not None:
            raise interruption from None
        return pd.DataFrame(), [Failure(epoch, name, None, cause(error))]
    return frame, failures


def _together(table: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of those that several entries made for ``table``."""
    rows = pd.concat(frames, ignore_index=True)
    if len(frames) > 1 and rows.duplicated(key_columns(table)).any():
        raise UsageError(
            f"measure.measurements: two of its entries make the same rows of {table}.\n"
            "Let each have layers, units or widths of its own."
        )
    return rows
