"""Differences between two experiments: a sweep's runs, paired by their other swept values."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ib_runner.findings.finding import Finding, FindingOverRuns, Quantity, Undecidable
from ib_runner.selections.context import Runs, Tables, of_run
from ib_runner.wording import ends_text

#: confidence of the interval of the mean difference
CONFIDENCE = 0.95
#: swept keys that name a run's experiment
EXPERIMENT = ("exp", "experiment")


class PairedDifference(FindingOverRuns):
    """The mean of a quantity in experiment ``more`` minus that in ``less``, with its 95 % interval.

    The mean is over pairs of runs with the same other swept values (the seed). ``of`` is the
    finding about single runs that measures the quantity; its bounds are not used. The interval is
    Student's t over the pairs, where a run counts with the middle of its quantity's interval.
    """

    keys_needed = ("exp",)

    def __init__(self, more: str, less: str, of: Callable[..., Finding], **bounds: Any):
        super().__init__(**bounds)
        self.more = more
        self.less = less
        self.of = of(**bounds)
        self.quantity = f"{self.of.quantity}, {more} minus {less},"

    def measure(self, tables: Tables, runs: Runs) -> Quantity:
        there = {context.experiment for context in runs.contexts.values()}
        for name in (self.more, self.less):
            if name not in there:
                raise Undecidable(f"the sweep has no runs of {name}")
        differences, untold = [], []
        for pair in self._pairs(tables, runs):
            try:
                more, less = (self._value(tables, runs, run) for run in pair)
                differences.append(more - less)
            except Undecidable as reason:
                untold.append(reason)
        if len(differences) < 2:
            why = f"; of others: {untold[0]}" if untold else ""
            raise Undecidable(f"{len(differences)} pairs of runs, an interval needs two{why}")
        mean, reach = float(np.mean(differences)), _reach(differences)
        listed = ", ".join(f"{one:.3g}" for one in differences)
        low, high = ends_text(mean - reach, mean + reach, 3)
        text = f"mean {mean:.3g} [{low}, {high}] of the pairs {listed}"
        text += f"; {len(untold)} pairs cannot tell" if untold else ""
        return Quantity(text, mean - reach, mean + reach)

    def _value(self, tables: Tables, runs: Runs, run: str) -> float:
        quantity = self.of.measure(of_run(tables, run), runs.contexts[run])
        return (quantity.low + quantity.high) / 2

    def _pairs(self, tables: Tables, runs: Runs) -> Iterator[tuple[str, str]]:
        """Pairs of run names of the two experiments, whose other swept values agree."""
        common = [key for key in runs.keys if key not in EXPERIMENT]
        table = self.table(tables, "training")
        values = table.drop_duplicates("run").set_index("run")[common].astype(str)
        rows = values.agg("/".join, axis="columns") if common else pd.Series("", values.index)
        sides = [
            {rows[run]: run for run, context in runs.contexts.items() if context.experiment == name}
            for name in (self.more, self.less)
        ]
        for key, run in sides[0].items():
            if key in sides[1]:
                yield run, sides[1][key]


def _reach(values: list[float]) -> float:
    """Half the width of Student's interval of the mean of ``values``."""
    quantile = stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)
    return float(quantile * np.std(values, ddof=1) / math.sqrt(len(values)))
