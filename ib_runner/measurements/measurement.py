"""The protocol of measurements: a class with two methods, named by a ``_target_`` in YAML."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import pandas as pd
from torch import Tensor, nn

from ib_runner.errors import IbRunError
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.selections.context import Tables
from ib_runner.tables.schema import TABLES, Table, own_table, table_named


class LayersFailedError(Exception):
    """A measurement failed for some layers only.

    Carries the ``rows`` of the other layers, and the error of each failed layer by its number.
    """

    def __init__(self, rows: pd.DataFrame, causes: Sequence[tuple[int, str]]):
        super().__init__(rows, causes)
        self.rows = rows
        self.causes = causes


class Measurement(Protocol):
    """Makes the rows of one table for one checkpoint; its entry is in ``conf/measurement``."""

    #: the name of its table; only tables with ``beta`` in the key allow other noise levels than the
    #: trained one. A user's own table needs an attribute ``columns`` (name to ``Column``) as well.
    table: str

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        """The epochs, among all that are measured, at which this measurement is made."""
        ...

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        """Rows of its table for one checkpoint, the ``epoch`` column included.

        After any other error the epoch gets no rows of this measurement; after
        ``LayersFailedError``, those of the layers that did not fail.
        """
        ...


@runtime_checkable
class Remarks(Protocol):
    """A measurement with remarks about a network, logged before it is measured."""

    def remarks(self, network: nn.Module, x: Tensor) -> list[str]:
        """Sentences for the log; ``x`` [n, …] are a few of the inputs."""
        ...


@runtime_checkable
class OfSeveralMethods(Protocol):
    """A measurement by several methods, of which slow ones are made at fewer epochs."""

    def methods_by_epoch(self, epochs: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
        """The methods for each of ``epochs``, all the epochs that are measured."""
        ...

    def by(self, methods: Sequence[str]) -> Measurement:
        """The same measurement, by ``methods`` alone."""
        ...


@runtime_checkable
class Summary(Protocol):
    """A measurement made once a run, from tables that other measurements wrote."""

    table: str
    tables_needed: Sequence[str]

    def summarise(self, tables: Tables) -> pd.DataFrame:
        """All rows of its table, replacing earlier ones; ``tables`` includes ``layers``."""
        ...


@runtime_checkable
class OverRuns(Protocol):
    """A measurement of all runs of a sweep together, made when the sweep is measured."""

    table: str

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        """The epochs, among those that all runs have measured, at which to make it."""
        ...

    def over_runs(self, snapshots: Mapping[str, Snapshot]) -> pd.DataFrame:
        """The rows of its table for one epoch, from the runs' ``snapshots`` by run name."""
        ...


class EveryEpoch:
    """Base class of measurements that are made at every measured epoch."""

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        return epochs


def cause(error: BaseException) -> str:
    """``error`` in one line."""
    name = "" if isinstance(error, IbRunError) else f"{type(error).__name__}: "
    return f"{name}{error}".replace("\n", " ")


def rows(table_rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A data frame of ``table_rows``, which may be empty."""
    return pd.DataFrame.from_records(list(table_rows))


def table_of(measurement: Any) -> Table:
    """The table of ``measurement``: one of ``tables.schema``, or its own with its ``columns``.

    Raises ``ValueError`` where the name is unknown and there are no ``columns``, or invalid ones.
    """
    name, columns = getattr(measurement, "table", None), getattr(measurement, "columns", None)
    if columns is not None:
        return own_table(name, columns)
    if name not in TABLES:
        raise ValueError(
            f"{type(measurement).__name__} has the table {name}, which there is not.\n"
            "Give the class the columns of a table of its own: columns = {name: Column(…), …}"
        )
    return table_named(name)
