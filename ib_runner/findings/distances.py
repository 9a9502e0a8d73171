"""Whether the samples of a class gather: within- against between-class distances (Fig. 6)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import of_layer
from ib_runner.tables.layers import BETAS_PER_BIN


class ClassSeparation(Finding):
    """The largest ratio, over ``layers``, of the median within- to between-class distance.

    At the last epoch; 1 where classes are mixed, near 0 where the samples of each class gather.
    """

    quantity = "the largest ratio of median within- to between-class distance at the end"

    def __init__(self, layers: Sequence[int], **bounds: Any):
        super().__init__(**bounds)
        self.layers = set(layers)
        self.quantity += f" in layers {', '.join(map(str, layers))}"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "distance_histogram")
        epochs = table["epoch"].min(), table["epoch"].max()
        begin, end = (_ratios(table[table["epoch"] == epoch]) for epoch in epochs)
        if not self.layers <= set(end.index):
            raise Undecidable(f"the table has layers {', '.join(map(str, end.index))}")
        text = f"{_listed(end)} at epoch {epochs[1]} (layer by layer from the input); "
        text += f"{_listed(begin)} at epoch {epochs[0]}"
        largest = float(end[end.index.isin(self.layers)].max())
        return Quantity(text, largest, largest)


class TightPairs(Finding):
    """The share of within-class pairs closer than 10β at the last epoch: pairs in a tight cluster.

    Two noisy samples of the same S [d] are about β·√(2d) apart, and 10β is the bins' width of
    H(Bin(T_ℓ)). ``layer`` counts from 1, or backwards from −1. The interval of the share is the
    share of the histogram's bin that contains 10β.
    """

    quantity = "the share of within-class pairs closer than 10 beta"

    def __init__(self, layer: int, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = of_layer(self.table(tables, "distance_histogram"), self.layer)
        beta = self.facts(tables).beta(int(rows["layer"].iloc[0])) if len(rows) else 0.0
        if beta == 0:
            raise Undecidable("without noise there is no scale to call tight")
        last = rows[(rows["epoch"] == rows["epoch"].max()) & (rows["pairs"] == "within")]
        shares = last["count"] / last["count"].sum()
        tight = BETAS_PER_BIN * beta
        low = float(shares[last["right"] <= tight].sum())
        high = float(shares[last["left"] < tight].sum())
        text = f"between {100 * low:.1f} and {100 * high:.1f} % of the within-class pairs"
        text += f" closer than {tight:g} at epoch {rows['epoch'].max()}"
        return Quantity(text, low, high)


def _ratios(table: pd.DataFrame) -> pd.Series:
    """Median within-class over median between-class distance, by layer."""
    medians = {
        key: _median(bins.sort_values("left")) for key, bins in table.groupby(["layer", "pairs"])
    }
    layers = sorted({layer for layer, _ in medians})
    return pd.Series({one: medians[one, "within"] / medians[one, "between"] for one in layers})


def _median(bins: pd.DataFrame) -> float:
    """The median of a histogram, values spread evenly within a bin."""
    cumulated = np.concatenate([[0], np.cumsum(bins["count"])])
    edges = [*bins["left"], bins["right"].iloc[-1]]
    return float(np.interp(cumulated[-1] / 2, cumulated, edges))


def _listed(ratios: pd.Series) -> str:
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)
