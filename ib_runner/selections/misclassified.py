"""Misclassified test inputs of a sweep's runs, by the noise that they were trained with."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from ib_runner.selections.context import Context, Tables
from ib_runner.selections.table1 import Condition, conditions_of


class ErrorsAtEpoch(NamedTuple):
    """The numbers of misclassified test inputs by condition, each a series over seeds."""

    epoch: int
    by_condition: dict[Condition, pd.Series]


def errors_by_condition(tables: Tables, contexts: Mapping[str, Context]) -> ErrorsAtEpoch:
    """The errors at the last epoch that all runs have, conditions in the order of Table 1.

    Where several runs have the same condition and seed, their mean is taken. Raises ``ValueError``
    for a regression, which has no errors.
    """
    training, condition_of = tables("training"), conditions_of(tables)
    rows = training[(training["split"] == "test") & training["run"].isin(contexts)]
    rows = rows.dropna(subset=["errors"])
    if rows.empty:
        raise ValueError("table training has no errors: a regression has none")
    epoch = int(rows.groupby("run")["epoch"].max().min())
    found: dict[Condition, dict[int, list[float]]] = {}
    for run, errors in rows.loc[rows["epoch"] == epoch, ["run", "errors"]].itertuples(index=False):
        seeds = found.setdefault(condition_of[run], {})
        seeds.setdefault(contexts[run].seed, []).append(float(errors))
    series = {
        condition: pd.Series({seed: sum(one) / len(one) for seed, one in sorted(seeds.items())})
        for condition, seeds in found.items()
    }
    return ErrorsAtEpoch(epoch, dict(sorted(series.items())))
