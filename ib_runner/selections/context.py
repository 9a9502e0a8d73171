"""What figures and findings get to know about a run beside its tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from ib_runner.selections.table1 import Condition

#: reads a table of the run by its name; raises FileNotFoundError or KeyError where there is none
Tables = Callable[[str], pd.DataFrame]


@dataclass(frozen=True)
class Context:
    """``bounds``: the closed range of the activation, None for an unbounded one. ``h_x``: the
    entropy of the input, ln N nats. ``loss`` and ``unit`` (nats, bits) are ``trainer.loss`` and
    ``plot.unit``; ``epochs`` are those of ``plot.epochs``, None: choose from the tables.
    ``beta`` and ``p`` are the noise that the network was trained with: standard deviation and
    dropout probability, 0 where there is none of the kind; ``feature_maps``: dropped whole.
    """

    experiment: str
    beta: float
    h_x: float
    bounds: tuple[float, float] | None = None
    loss: str = "cross_entropy"
    unit: str = "nats"
    epochs: tuple[int, ...] | None = None
    p: float = 0.0
    feature_maps: bool = False
    seed: int = 0

    @property
    def condition(self) -> Condition:
        """What tells the networks of Table 1 apart."""
        return Condition(self.p, self.beta, self.feature_maps)


@dataclass(frozen=True)
class Runs:
    """What figures and findings over the runs of a sweep get to know beside the sweep's tables.

    Those tables have ``run`` and the swept ``keys`` (``noise.beta``, ``seed``, ``exp``, …) as
    further columns. ``contexts`` are the runs' own, by name.
    """

    keys: tuple[str, ...]
    contexts: Mapping[str, Context]


def read(tables: Tables, name: str) -> pd.DataFrame | None:
    """Table ``name``, or None where the run has none."""
    try:
        return tables(name)
    except (FileNotFoundError, KeyError):
        return None
