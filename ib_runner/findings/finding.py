"""Findings: a quantity with its interval is compared with bounds that follow from the paper."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, NamedTuple

import pandas as pd

from ib_runner.rules import FINITE, optional, whole
from ib_runner.selections.context import Context, Runs, Tables, read
from ib_runner.tables.layers import Layers
from ib_runner.wording import ends_text

#: the word for the measured value in a verdict where the tables do not determine it
NOTHING = "nothing"


class Outcome(NamedTuple):
    """A verdict: ``holds`` is yes, no or undecided; ``why`` has the rule and the quantity.

    The quantity is between ``low`` and ``high``; both are None where the tables do not tell.
    """

    measured: str
    holds: str
    why: str
    low: float | None = None
    high: float | None = None


class Quantity(NamedTuple):
    """A measured quantity, between ``low`` and ``high`` (which may be equal), and in words."""

    text: str
    low: float
    high: float


class Undecidable(Exception):  # noqa: N818 - no error: the run is too short, or not measured
    """The tables do not determine the quantity; the message says why."""


class Expectation:
    """Holds if the quantity's whole interval is at least ``at_least`` and at most ``at_most``.

    ``expected`` says what the paper reports. Of a run that ends before ``min_epoch`` the
    expectation is undecided. Raises ``ValueError`` where there is neither bound.
    """

    #: the quantity's name in the sentence about what is expected
    quantity: str

    def __init__(
        self,
        expected: str,
        at_least: Annotated[float | None, optional(FINITE, "no such bound")] = None,
        at_most: Annotated[float | None, optional(FINITE, "no such bound")] = None,
        min_epoch: Annotated[int, whole(0)] = 0,
    ):
        if at_least is None and at_most is None:
            raise ValueError("a finding needs at_least, at_most or both")
        self.expected = expected
        self.at_least = at_least
        self.at_most = at_most
        self.min_epoch = min_epoch

    def judge(self, measure: Callable[[], Quantity]) -> Outcome:
        """The verdict on the quantity that ``measure`` returns; undecided on ``Undecidable``."""
        try:
            quantity = measure()
        except Undecidable as reason:
            return Outcome(NOTHING, "undecided", str(reason))
        holds, why = self._verdict(quantity), f"{self.rule}; {_met(quantity)}"
        return Outcome(quantity.text, holds, why, quantity.low, quantity.high)

    def table(self, tables: Tables, name: str) -> pd.DataFrame:
        """Table ``name``. Raises ``Undecidable`` where it lacks epochs from ``min_epoch`` on."""
        table = read(tables, name)
        if table is None or table.empty:
            raise Undecidable(f"there is no table {name}")
        if "epoch" in table and table["epoch"].max() < self.min_epoch:
            raise Undecidable(
                f"table {name} ends at epoch {table['epoch'].max()}, "
                f"and this is about epoch {self.min_epoch} and later"
            )
        return table

    def facts(self, tables: Tables) -> Layers:
        """The facts about the run's layers. Raises ``Undecidable`` where it was not measured."""
        table = read(tables, "layers")
        if table is None or table.empty:
            raise Undecidable("there is no table layers")
        return Layers(table)

    @property
    def rule(self) -> str:
        """The quantity and its bounds, in words."""
        bounds = [
            f"{words} {bound:g}"
            for words, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]
        return f"{self.quantity} must be {' and '.join(bounds)}"

    def _verdict(self, quantity: Quantity) -> str:
        least = -float("inf") if self.at_least is None else self.at_least
        most = float("inf") if self.at_most is None else self.at_most
        if least <= quantity.low and quantity.high <= most:
            return "yes"
        if quantity.high < least or quantity.low > most:
            return "no"
        return "undecided"


class Finding(Expectation, ABC):
    """A finding about one run."""

    def __call__(self, tables: Tables, context: Context) -> Outcome:
        return self.judge(lambda: self.measure(tables, context))

    @abstractmethod
    def measure(self, tables: Tables, context: Context) -> Quantity:
        """The quantity, from the tables. Raises ``Undecidable`` where they do not determine it."""


class FindingOverRuns(Expectation, ABC):
    """A finding about the runs of a sweep together, judged where the sweep is checked."""

    def over_runs(self, tables: Tables, runs: Runs) -> Outcome:
        """The verdict, from the sweep's tables."""
        return self.judge(lambda: self.measure(tables, runs))

    @abstractmethod
    def measure(self, tables: Tables, runs: Runs) -> Quantity:
        """The quantity, from the sweep's tables. Raises as ``Finding.measure`` does."""


def _met(quantity: Quantity) -> str:
    if quantity.low == quantity.high == float("inf"):
        return "there is none"
    if quantity.low == quantity.high:
        return f"it is {quantity.low:.4g}"
    low, high = ends_text(quantity.low, quantity.high, 4)
    return f"it is between {low} and {high}"
