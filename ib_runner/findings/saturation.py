"""Whether units saturate: values near the ends of the activation's range (section 5.1)."""

from typing import Any

import pandas as pd

from ib_runner.findings.context import Context, Tables
from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.findings.information import of_layer

#: near the ends: within this share of the range's half-width
NEAR = 0.1


class Saturation(Finding):
    """By how much the share of values near the ends grew from ``since`` epochs of training on.

    ``layer`` counts from 1, or backwards from −1. For bounded activations only.
    """

    def __init__(self, layer: int, since: int, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer
        self.since = since
        self.quantity = f"the growth, since epoch {since}, of the share of values near the ends"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        if context.bounds is None:
            raise Undecidable("the activation is unbounded")
        rows = of_layer(self.table(tables, "activation_histogram"), self.layer)
        share = rows.groupby("epoch")[["left", "right", "count"]].apply(
            _share_near_ends, bounds=context.bounds
        )
        early = share[share.index <= self.since]
        if early.empty:
            raise Undecidable(f"no epoch up to {self.since} was measured")
        begin, end = early.iloc[-1], share.iloc[-1]
        text = (
            f"{100 * begin:.1f} % of the values near ±1 at epoch {early.index[-1]}, "
            f"{100 * end:.1f} % at epoch {share.index[-1]}"
        )
        return Quantity(text, end - begin, end - begin)


def _share_near_ends(bins: pd.DataFrame, bounds: tuple[float, float]) -> float:
    """The share of the counts in bins within NEAR of an end; bins that straddle it do not count."""
    margin = NEAR * (bounds[1] - bounds[0]) / 2
    rounding = 1e-9 * margin
    near = bins["left"] >= bounds[1] - margin - rounding
    near |= bins["right"] <= bounds[0] + margin + rounding
    return float(bins["count"][near].sum() / bins["count"].sum())
