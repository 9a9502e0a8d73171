"""Misclassified validation images at the end of training (Table 1)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from scipy import stats

from ib_runner.findings.conditions import TABLE_1, Condition
from ib_runner.findings.context import Context, Runs, Tables
from ib_runner.findings.finding import Finding, FindingOverRuns, Quantity, Undecidable


class Table1Errors(Finding):
    """How far the errors of the last epoch are from Table 1's mean for the run's condition, in its
    standard deviations.
    """

    quantity = "the distance from Table 1's mean, in its standard deviations,"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        reported = TABLE_1.get(context.condition)
        if reported is None:
            raise Undecidable(f"Table 1 has no row for {context.condition}")
        table = self.table(tables, "training")
        last = table[table["split"] == "test"].sort_values("epoch").iloc[-1]
        if pd.isna(last["errors"]):
            raise Undecidable("a regression has no errors")
        distance = float(last["errors"] - reported.mean) / reported.sd
        text = (
            f"{last['errors']} errors at epoch {last['epoch']}; Table 1, {context.condition}: "
            f"{reported.mean:g} ± {reported.sd:g}"
        )
        return Quantity(text, distance, distance)


class ErrorsDifference(FindingOverRuns):
    """By how much the errors with noise ``beta`` or dropout ``p`` (of ``feature_maps``) exceed
    those without noise and with the same seed: the mean over seeds, with its 95 % interval by
    Student's t.
    """

    def __init__(
        self, beta: float = 0.0, p: float = 0.0, feature_maps: bool = False, **bounds: Any
    ):
        super().__init__(**bounds)
        self.condition = Condition(p=p, beta=beta, feature_maps=feature_maps)
        self.quantity = f"errors ({self.condition}) less errors (deterministic), mean over seeds,"

    def measure(self, tables: Tables, runs: Runs) -> Quantity:
        table = self.table(tables, "training")
        try:
            epoch, errors = errors_by_condition(table, runs.contexts)
        except ValueError as error:
            raise Undecidable(str(error)) from error
        if epoch < self.min_epoch:
            raise Undecidable(f"a run ends at epoch {epoch}, this is about epoch {self.min_epoch}")
        for condition in (self.condition, Condition()):
            if condition not in errors:
                raise Undecidable(f"there is no run with {condition}")
        difference = (errors[self.condition] - errors[Condition()]).dropna()
        if len(difference) < 2:
            raise Undecidable(f"both conditions have {len(difference)} seeds in common, not 2")
        mean, error = difference.mean(), stats.sem(difference)
        half = float(stats.t.ppf(0.975, len(difference) - 1) * error)
        text = f"{mean:+.1f} ± {half:.1f} (95 %) over {len(difference)} seeds at epoch {epoch}"
        return Quantity(text, mean - half, mean + half)


class ErrorsAtEpoch(NamedTuple):
    """Errors on the test inputs by condition, each a series over seeds."""

    epoch: int
    by_condition: dict[Condition, pd.Series]


def errors_by_condition(training: pd.DataFrame, contexts: Mapping[str, Context]) -> ErrorsAtEpoch:
    """The errors at the last epoch that all runs have, conditions in the order of Table 1.

    Runs that differ in more than condition and seed count with their mean. Raises ``ValueError``
    where there are no errors.
    """
    rows = training[(training["split"] == "test") & training["run"].isin(contexts)]
    rows = rows.dropna(subset=["errors"])
    if rows.empty:
        raise ValueError("table training has no errors: a regression has none")
    epoch = int(rows.groupby("run")["epoch"].max().min())
    found: dict[Condition, dict[int, list[float]]] = {}
    for run, errors in rows.loc[rows["epoch"] == epoch, ["run", "errors"]].itertuples(index=False):
        seeds = found.setdefault(contexts[run].condition, {})
        seeds.setdefault(contexts[run].seed, []).append(float(errors))
    series = {
        condition: pd.Series({seed: sum(one) / len(one) for seed, one in sorted(seeds.items())})
        for condition, seeds in found.items()
    }
    return ErrorsAtEpoch(epoch, dict(sorted(series.items())))
