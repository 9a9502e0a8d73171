"""Cosine similarities between conditions, from a sweep's table (section 2, Fig. 3)."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from ib_runner.selections.context import Context, Tables
from ib_runner.selections.table1 import Condition, conditions_of


class Similarities(NamedTuple):
    """Rows of the table ``cosine_similarity``.

    ``related`` compares, for each condition, its networks with those of the ``reference`` condition
    and the same seed; ``unrelated`` compares networks of different seeds.
    """

    reference: Condition
    related: dict[Condition, pd.DataFrame]
    unrelated: pd.DataFrame


def similarities(tables: Tables, contexts: Mapping[str, Context]) -> Similarities:
    """The similarities at the last epoch of the sweep's table; ``contexts`` are by run name.

    The reference is the condition with the least noise.
    """
    table, condition_of = tables("cosine_similarity"), conditions_of(tables)
    reference = min(condition_of[run] for run in contexts)
    known = table["run_a"].isin(contexts) & table["run_b"].isin(contexts)
    table = table[known & (table["epoch"] == table["epoch"].max())]
    related: dict[Condition, list[pd.DataFrame]] = {}
    unrelated = [table.iloc[:0]]
    for (a, b), rows in table.groupby(["run_a", "run_b"]):
        conditions = sorted([condition_of[a], condition_of[b]])
        if contexts[a].seed != contexts[b].seed:
            unrelated.append(rows)
        elif conditions[0] == reference != conditions[1]:
            related.setdefault(conditions[1], []).append(rows)
    return Similarities(
        reference,
        {condition: pd.concat(related[condition]) for condition in sorted(related)},
        pd.concat(unrelated),
    )


def mean_cosine(bins: pd.DataFrame) -> float:
    """The mean of all histograms in ``bins`` together, with values at the middles of their bins."""
    middles = (bins["left"] + bins["right"]) / 2
    return float(np.average(middles, weights=bins["count"]))


def mean_by_layer(rows: pd.DataFrame) -> pd.Series:
    """The mean cosine similarity of each layer, by layer."""
    return pd.Series({layer: mean_cosine(bins) for layer, bins in rows.groupby("layer")})


def n_pairs(bins: pd.DataFrame) -> int:
    """The number of pairs of networks in ``bins``."""
    return len(bins[["run_a", "run_b"]].drop_duplicates())
