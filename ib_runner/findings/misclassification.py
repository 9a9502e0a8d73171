"""Misclassified validation images at the end of training (Table 1)."""

from typing import Any

import pandas as pd
from scipy.special import stdtrit

from ib_runner.findings.finding import Finding, FindingOverRuns, Quantity, Undecidable
from ib_runner.selections.context import Context, Runs, Tables
from ib_runner.selections.misclassified import errors_by_condition
from ib_runner.selections.table1 import TABLE_1, Condition, condition


class Table1Errors(Finding):
    """The errors at the last epoch minus Table 1's mean for the run's condition.

    In Table 1's standard deviations.
    """

    quantity = "the distance from Table 1's mean, in its standard deviations,"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        trained = condition(self.facts(tables))
        reported = TABLE_1.get(trained)
        if reported is None:
            raise Undecidable(f"Table 1 has no row for {trained}")
        table = self.table(tables, "training")
        last = table[table["split"] == "test"].sort_values("epoch").iloc[-1]
        if pd.isna(last["errors"]):
            raise Undecidable("a regression has no errors")
        distance = float(last["errors"] - reported.mean) / reported.sd
        text = (
            f"{last['errors']} errors at epoch {last['epoch']}; Table 1, {trained}: "
            f"{reported.mean:g} ± {reported.sd:g}"
        )
        return Quantity(text, distance, distance)


class ErrorsDifference(FindingOverRuns):
    """Errors with noise ``beta`` or dropout ``p`` (of ``feature_maps``) minus errors without noise.

    The mean over seeds of the difference at the same seed, with its 95 % interval by Student's t.
    """

    def __init__(
        self, beta: float = 0.0, p: float = 0.0, feature_maps: bool = False, **bounds: Any
    ):
        super().__init__(**bounds)
        self.condition = Condition(p=p, beta=beta, feature_maps=feature_maps)
        self.quantity = f"errors ({self.condition}) less errors (deterministic), mean over seeds,"

    def measure(self, tables: Tables, runs: Runs) -> Quantity:
        for name in ("training", "layers"):
            self.table(tables, name)  # raises Undecidable where the table is missing or too short
        try:
            epoch, errors = errors_by_condition(tables, runs.contexts)
        except ValueError as error:
            raise Undecidable(str(error)) from error
        if epoch < self.min_epoch:
            raise Undecidable(f"a run ends at epoch {epoch}, this is about epoch {self.min_epoch}")
        for one in (self.condition, Condition()):
            if one not in errors:
                raise Undecidable(f"there is no run with {one}")
        difference = (errors[self.condition] - errors[Condition()]).dropna()
        if len(difference) < 2:
            raise Undecidable(f"both conditions have {len(difference)} seeds in common, not 2")
        mean, stderr = difference.mean(), difference.sem()
        half = float(stdtrit(len(difference) - 1, 0.975) * stderr)
        text = f"{mean:+.1f} ± {half:.1f} (95 %) over {len(difference)} seeds at epoch {epoch}"
        return Quantity(text, mean - half, mean + half)
