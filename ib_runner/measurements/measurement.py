"""A measurement: a class with the two methods below, named by a ``_target_`` in YAML."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import pandas as pd
from torch import Tensor, nn

from ib_runner.errors import IbRunError
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.selections.context import Tables
from ib_runner.tables.schema import TABLES, Table, own_table, table_named


class LayersFailedError(Exception):
    """Raised by a measurement that failed for some layers and not for others.

    It carries the ``rows`` of the measured layers, and each failed layer's number with the cause.
    """

    def __init__(self, rows: pd.DataFrame, causes: Sequence[tuple[int, str]]):
        super().__init__(rows, causes)
        self.rows = rows
        self.causes = causes


class Measurement(Protocol):
    """One file and one YAML entry each; see ``conf/measurement``."""

    #: the table its rows go to; where the key has ``beta``, other noise levels may be measured too.
    #: A table that is not one of ours needs ``columns`` (name to ``Column``) beside it.
    table: str

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        """The epochs, among all that are measured, at which this measurement is made."""
        ...

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        """Rows of its table for one checkpoint, the ``epoch`` column included.

        After an error this epoch has no rows of this measurement. With ``LayersFailedError`` it has
        the rows of the layers that went well.
        """
        ...


@runtime_checkable
class Remarks(Protocol):
    """A measurement that has something to say about a network before it measures it."""

    def remarks(self, network: nn.Module, x: Tensor) -> list[str]:
        """Sentences for the log; ``x`` [n, …] are a few of the inputs."""
        ...


@runtime_checkable
class OfSeveralMethods(Protocol):
    """A measurement by several methods, slow ones of which are made at fewer epochs."""

    def methods_by_epoch(self, epochs: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
        """The methods for each of ``epochs``, which are all that are measured."""
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
        """All rows of its table, which replace the earlier ones; ``layers`` is among ``tables``."""
        ...


@runtime_checkable
class OverRuns(Protocol):
    """A measurement of the runs of a sweep together, made where the sweep is measured."""

    table: str

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        """Which of the epochs that all runs have measured it wants."""
        ...

    def over_runs(self, snapshots: Mapping[str, Snapshot]) -> pd.DataFrame:
        """Rows of its table for one epoch; ``snapshots`` are the runs' own, by name."""
        ...


class EveryEpoch:
    """The usual choice: every measured epoch."""

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        return epochs


def cause(error: BaseException) -> str:
    """What happened, in a line."""
    name = "" if isinstance(error, IbRunError) else f"{type(error).__name__}: "
    return f"{name}{error}".replace("\n", " ")


def rows(table_rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A frame from rows, whatever their number."""
    return pd.DataFrame.from_records(list(table_rows))


def table_of(measurement: Any) -> Table:
    """The table that the rows of ``measurement`` go to: one of ours, or its own.

    Raises ``ValueError`` where there is no such table and it brings no ``columns``, or these are
    no columns of a table.
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
