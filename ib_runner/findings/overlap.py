"""The overlap of within- and between-class distances (section 5.2, Fig. 8)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables


class DistanceOverlap(Finding):
    """The overlap ∫ min(p, q) of the densities of within- and between-class distances.

    1 where they are equal, 0 where they have no distance in common. Of several ``layers`` (0 = the
    input), the one furthest from meeting the rule counts. ``epoch`` None is the last measured
    epoch, which must then be ``min_epoch`` or later.
    """

    def __init__(self, layers: Sequence[int], epoch: int | None = None, **bounds: Any):
        super().__init__(**bounds)
        self.layers = list(layers)
        self.epoch = epoch
        self.quantity = "the overlap of within- and between-class distances"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "distance_histogram")
        epoch = int(table["epoch"].max()) if self.epoch is None else self.epoch
        rows = table[table["epoch"] == epoch]
        missing = set(self.layers) - set(rows["layer"])
        if missing:
            raise Undecidable(f"layer {min(missing)} is not measured at epoch {epoch}")
        overlaps = [overlap(rows[rows["layer"] == layer]) for layer in self.layers]
        named = zip(self.layers, overlaps, strict=True)
        text = ", ".join(f"{value:.2f} in layer {layer}" for layer, value in named)
        worst = min(overlaps) if self.at_most is None else max(overlaps)
        return Quantity(f"{text} at epoch {epoch}", worst, worst)


class ModeRatio(Finding):
    """The most frequent within-class distance over the most frequent between-class distance.

    Of ``layer`` (0 = the input), at the last measured epoch.
    """

    quantity = "the ratio of the modes, within- over between-class distances,"

    def __init__(self, layer: int, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer

    def measure(self, tables: Tables, context: Context) -> Quantity:
        table = self.table(tables, "distance_histogram")
        rows = table[(table["epoch"] == table["epoch"].max()) & (table["layer"] == self.layer)]
        if rows.empty:
            raise Undecidable(f"layer {self.layer} is not measured")
        within, between = (_mode(rows[rows["pairs"] == kind]) for kind in ("within", "between"))
        ratio = within / between
        return Quantity(f"modes at {within:.3g} (within) and {between:.3g}", ratio, ratio)


def overlap(rows: pd.DataFrame) -> float:
    """∫ min(p, q) of one layer's two histograms, which have the same bins."""
    widths = (rows["right"] - rows["left"]).groupby(rows["left"]).first()
    densities = rows.pivot_table(index="left", columns="pairs", values="density")
    return float(np.sum(densities.min(axis="columns") * widths))


def _mode(bins: pd.DataFrame) -> float:
    best = bins.loc[bins["density"].idxmax()]
    return float(best["left"] + best["right"]) / 2
