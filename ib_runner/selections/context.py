"""Arguments of figures and findings besides the tables: loss, unit, epochs, a sweep's keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from ib_runner.tables.layers import Layers

#: reads a table of the run by its name; raises FileNotFoundError or KeyError where there is none
Tables = Callable[[str], pd.DataFrame]


@dataclass(frozen=True)
class Context:
    """Settings of a run that figures and findings need.

    ``loss`` and ``unit`` (nats, bits) are ``trainer.loss`` and ``plot.unit``; ``epochs`` is
    ``plot.epochs`` (None: the figure chooses). Noise and H(X) are in the table ``layers``, see
    :func:`facts`.
    """

    experiment: str
    loss: str = "cross_entropy"
    unit: str = "nats"
    epochs: tuple[int, ...] | None = None
    seed: int = 0


@dataclass(frozen=True)
class Runs:
    """The argument of figures and findings over runs, besides the sweep's tables.

    A sweep's tables have ``run`` and the swept ``keys`` (``noise.beta``, ``seed``, ``exp``, …) as
    further columns. ``contexts`` are the single runs' contexts, by run name.
    """

    keys: tuple[str, ...]
    contexts: Mapping[str, Context]


@runtime_checkable
class OverRuns(Protocol):
    """A measurement, a figure or a finding that is about the runs of a sweep together."""

    over_runs: Callable[..., Any]


def read(tables: Tables, name: str) -> pd.DataFrame | None:
    """Table ``name``, or None where the run has none."""
    try:
        return tables(name)
    except (FileNotFoundError, KeyError):
        return None


def facts(tables: Tables) -> Layers:
    """The run's table ``layers``: noise, ranges of values, H(X)."""
    return Layers(tables("layers"))


def of_run(tables: Tables, run: str) -> Tables:
    """The rows of the sweep's tables that belong to ``run``."""

    def table(name: str) -> pd.DataFrame:
        rows = tables(name)
        return rows[rows["run"] == run].reset_index(drop=True)

    return table
