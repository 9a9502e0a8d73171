"""What figures and findings get to know about a run beside its tables."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

#: reads a table of the run by its name; raises FileNotFoundError or KeyError where there is none
Tables = Callable[[str], pd.DataFrame]


@dataclass(frozen=True)
class Context:
    """``bounds``: the closed range of the activation, None for an unbounded one. ``h_x``: the
    entropy of the input, ln N nats. ``loss`` and ``unit`` (nats, bits) are ``trainer.loss`` and
    ``plot.unit``; ``epochs`` are those of ``plot.epochs``, None: choose from the tables.
    """

    experiment: str
    beta: float
    h_x: float
    bounds: tuple[float, float] | None = None
    loss: str = "cross_entropy"
    unit: str = "nats"
    epochs: tuple[int, ...] | None = None


def read(tables: Tables, name: str) -> pd.DataFrame | None:
    """Table ``name``, or None where the run has none."""
    try:
        return tables(name)
    except (FileNotFoundError, KeyError):
        return None
