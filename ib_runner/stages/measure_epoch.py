"""The task of measuring one checkpoint of one run, in this process, a worker or a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numba
import pyarrow as pa
import torch
from omegaconf import OmegaConf

from ib_runner.config.builder import Builder, resolve_device
from ib_runner.errors import UsageError, raise_interruption_behind
from ib_runner.measurements.measurement import (
    LayersFailedError,
    Measurement,
    OfSeveralMethods,
    cause,
    table_of,
)
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.runs.folder import Run
from ib_runner.tables.files import arrow_table, to_pandas
from ib_runner.tables.schema import Table


@dataclass(frozen=True)
class Failure:
    """Why a part of an epoch failed.

    ``measurement`` and ``layer`` name the part; None stands for all measurements, or all layers.
    """

    epoch: int
    measurement: str | None
    layer: int | None
    cause: str

    def __str__(self) -> str:
        layer = "" if self.layer is None else f", layer {self.layer}"
        return f"epoch {self.epoch}{layer}: {self.measurement or 'nothing measured'}: {self.cause}"


@dataclass(frozen=True)
class Measured:
    """The result of measuring one epoch of a run: its rows of each table, and the failures.

    ``refusal`` says why the settings are wrong for every epoch of this run ("" where they are not);
    ``opened`` is False where the network and so on could not be built from the settings.
    """

    run: str
    epoch: int
    tables: dict[str, pa.Table] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    refusal: str | None = None
    opened: bool = True


@dataclass(frozen=True)
class Chosen:
    """The measurement ``name`` for one epoch, restricted to ``methods`` unless these are None."""

    name: str
    methods: tuple[str, ...] | None = None


def chosen(
    measurements: Mapping[str, Measurement], epochs: Sequence[int]
) -> dict[int, tuple[Chosen, ...]]:
    """The measurements to make at each of ``epochs``, all the epochs that are measured.

    Raises ``UsageError`` where a user's own measurement fails to select its epochs.
    """
    found: dict[int, list[Chosen]] = {epoch: [] for epoch in epochs}
    for name, measurement in measurements.items():
        try:
            selected = set(measurement.select(epochs))
        except UsageError:
            raise
        except Exception as error:
            raise UsageError(f"measurement.{name}: selecting epochs: {cause(error)}") from error
        methods: Mapping[int, tuple[str, ...]] = {}
        if isinstance(measurement, OfSeveralMethods):
            methods = measurement.methods_by_epoch(epochs)
        for epoch in selected & found.keys():
            found[epoch].append(Chosen(name, methods.get(epoch)))
    return {epoch: tuple(made) for epoch, made in found.items()}


@dataclass(frozen=True)
class EpochTask:
    """Makes the measurements ``chosen`` for one epoch; one that fails does not stop the others.

    ``run`` is the run's folder, ``settings`` the configuration as YAML.
    """

    run: str
    allow_targets: tuple[str, ...]
    settings: str
    chosen: tuple[Chosen, ...]
    epoch: int

    def __call__(self, threads: int) -> Measured:
        """Measure the epoch with ``threads`` threads, on which the values do not depend."""
        use_threads(threads)
        try:
            run, builder, measurements = _opened(self.run, self.allow_targets, self.settings)
            network = run.with_weights(builder.network(run.dataset()), self.epoch)
        except UsageError as error:
            return Measured(self.run, self.epoch, refusal=str(error), opened=False)
        except Exception as error:
            raise_interruption_behind(error)
            return self.nothing(cause(error))
        config = builder.config
        inputs = getattr(run.dataset(), config.measure.inputs)
        try:
            device = resolve_device(config.device)
            snapshot = Snapshot(self.epoch, network, inputs, config.seed, device)
            return self._measured(snapshot, measurements)
        except UsageError as error:
            return Measured(self.run, self.epoch, refusal=str(error))

    def nothing(self, why: str) -> Measured:
        """The result of a task that failed as a whole, for the reason ``why``."""
        return Measured(self.run, self.epoch, {}, (Failure(self.epoch, None, None, why),))

    def _measured(self, snapshot: Snapshot, measurements: Mapping[str, Measurement]) -> Measured:
        rows: dict[str, list[pa.Table]] = {}
        failures = []
        tables = {}
        for one in self.chosen:
            table = table_of(measurements[one.name])
            tables[table.name] = table
            made, failed = _measure(one, measurements[one.name], snapshot)
            failures += failed
            if made is not None:
                rows.setdefault(table.name, []).append(made)
        together = {name: _together(tables[name], parts) for name, parts in rows.items()}
        return Measured(self.run, self.epoch, together, tuple(failures))


@lru_cache(maxsize=1)  # tasks come run by run, and a data set may fill the memory
def _opened(
    path: str, allow_targets: tuple[str, ...], settings: str
) -> tuple[Run, Builder, dict[str, Measurement]]:
    run = Run(path, allow_targets)
    builder = run.builder(OmegaConf.create(settings))
    return run, builder, builder.measurements()


def use_threads(threads: int) -> None:
    """Have torch's operations and numba's kernels use that many threads of this process."""
    torch.set_num_threads(threads)
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]


def methods_of(measurement: Measurement, one: Chosen) -> Measurement:
    """``measurement`` restricted to the methods that ``one`` names, if it names any."""
    if one.methods is None:
        return measurement
    assert isinstance(measurement, OfSeveralMethods)
    return measurement.by(one.methods)


def _measure(
    one: Chosen, measurement: Measurement, snapshot: Snapshot
) -> tuple[pa.Table | None, list[Failure]]:
    """The rows of one measurement, None where it made none, and its failures."""
    epoch, name, failures = snapshot.epoch, one.name, []
    measurement = methods_of(measurement, one)
    try:
        try:
            frame = measurement(snapshot)
        except LayersFailedError as error:
            frame = error.rows
            failures = [Failure(epoch, name, layer, why) for layer, why in error.causes]
        rows = arrow_table(frame, table_of(measurement)) if len(frame) else None
    except UsageError:
        raise
    except Exception as error:  # a user's own measurement may raise anything
        raise_interruption_behind(error)
        return None, [Failure(epoch, name, None, cause(error))]
    return rows, failures


def _together(table: Table, parts: Sequence[pa.Table]) -> pa.Table:
    """The rows that several measurements made for ``table``, together.

    Raises ``UsageError`` where two measurements made rows with the same key.
    """
    if len(parts) == 1:
        return parts[0]
    try:
        return arrow_table(to_pandas(pa.concat_tables(parts, promote_options="default")), table)
    except ValueError as error:
        raise UsageError(
            f"measure.measurements: two of its entries make the same rows of {table.name}.\n"
            "Let each have layers, units or widths of its own."
        ) from error
