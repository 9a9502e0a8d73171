"""Saturation: the share of values near the ends of the activation's range (section 5.1)."""

from typing import Any

import pandas as pd

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import of_layer

#: a value is near an end within this share of half the range's width
NEAR = 0.1


class Saturation(Finding):
    """The share of values near the ends of the range at the end of training.

    With ``since``, by how much it grew from that epoch on. ``layer`` counts from 1, or backwards
    from −1. For bounded activations only.
    """

    def __init__(self, layer: int, since: int | None = None, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer
        self.since = since
        self.quantity = "the share of values near the ends"
        if since is not None:
            self.quantity = f"the growth, since epoch {since}, of {self.quantity}"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = of_layer(self.table(tables, "activation_histogram"), self.layer)
        bounds = self.facts(tables).bounds(int(rows["layer"].iloc[0])) if len(rows) else None
        if bounds is None:
            raise Undecidable("the activation is unbounded, or the layer was not measured")
        share = rows.groupby("epoch")[["left", "right", "count"]].apply(
            _share_near_ends, bounds=bounds
        )
        end = share.iloc[-1]
        if self.since is None:
            text = (
                f"{100 * end:.1f} % of the values near {_ends(bounds)} at epoch {share.index[-1]}"
            )
            return Quantity(text, end, end)
        early = share[share.index <= self.since]
        if early.empty:
            raise Undecidable(f"no epoch up to {self.since} was measured")
        begin = early.iloc[-1]
        text = (
            f"{100 * begin:.1f} % of the values near {_ends(bounds)} at epoch {early.index[-1]}, "
            f"{100 * end:.1f} % at epoch {share.index[-1]}"
        )
        return Quantity(text, end - begin, end - begin)


def _ends(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"±{high:g}" if low == -high else f"{low:g} or {high:g}"


def _share_near_ends(bins: pd.DataFrame, bounds: tuple[float, float]) -> float:
    """The share of values in bins that lie entirely within ``NEAR`` of an end."""
    margin = NEAR * (bounds[1] - bounds[0]) / 2
    rounding = 1e-9 * margin
    near = bins["left"] >= bounds[1] - margin - rounding
    near |= bins["right"] <= bounds[0] + margin + rounding
    return float(bins["count"][near].sum() / bins["count"].sum())
