"""What a measurement is: a class with these two methods, named by a ``_target_`` in YAML."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import pandas as pd

from ib_runner.errors import IbRunError
from ib_runner.measurements.snapshot import Snapshot


class LayersFailedError(Exception):
    """Raised by a measurement that some layers defeated.

    It carries the ``rows`` of the table all the same, and what happened, by layer.
    """

    def __init__(self, rows: pd.DataFrame, causes: Sequence[tuple[int, str]]):
        super().__init__(rows, causes)
        self.rows = rows
        self.causes = causes


class Measurement(Protocol):
    """One file and one YAML entry each; see ``conf/measurement``."""

    #: the table its rows go to; a table with a ``beta`` key may be measured at other noise levels.
    #: A table of its own has its ``columns`` (name to ``Column``) beside it, as a class attribute.
    table: str

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        """Which of the measured epochs it wants."""
        ...

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        """Rows of its table for one checkpoint, the ``epoch`` column included.

        An error costs this epoch's rows only. ``LayersFailedError`` saves those of other layers.
        """
        ...


class Summary(Protocol):
    """A measurement made once a run, from tables that other measurements wrote."""

    table: str
    tables_needed: Sequence[str]

    def summarise(
        self, tables: Callable[[str], pd.DataFrame], n_inputs: int, beta: float
    ) -> pd.DataFrame:
        """All rows of its table, which replace the earlier ones."""
        ...


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
