"""H(Bin(T_ℓ)) and how it depends on the width of the bins (section 1; Fig. 1, 13)."""

from itertools import pairwise
from typing import Any

import pandas as pd

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.bins import several_widths, whole_layers
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import of_layer


class BinnedFall(Finding):
    """The largest fall of H(Bin(T_ℓ)), over layers and widths, from its highest value to the end,
    nats.
    """

    quantity = "the largest fall of H(Bin) from a layer's peak to the end (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        falls = _entropies(self.table(tables, "binned_entropy")).agg(lambda h: h.max() - h.iloc[-1])
        listed = ", ".join(
            f"{fall:.2f} in layer {layer} (width {width:g})"
            for (layer, width), fall in falls.items()
        )
        return Quantity(f"falls by {listed} nats", float(falls.max()), float(falls.max()))


class GapToInput(Finding):
    """H(X) minus the highest H(Bin(T_ℓ)) of a layer over epochs and bin widths, nats."""

    def __init__(self, layer: int, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer
        self.quantity = f"H(X) minus the highest H(Bin) of layer {layer} (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = of_layer(self.table(tables, "binned_entropy"), self.layer)
        if rows.empty:
            raise Undecidable(f"layer {self.layer} is not in the table")
        highest, h_x = float(_entropies(rows).max().max()), self.facts(tables).h_x
        gap = h_x - highest
        return Quantity(f"at most {highest:.2f} nats, H(X) = {h_x:.3f}", gap, gap)


def _entropies(table: pd.DataFrame) -> Any:
    """H(Bin(T_ℓ)) of whole layers in nats, over epochs: a group for each (layer, bin_width)."""
    return whole_layers(table).groupby(["layer", "bin_width"])["entropy"]


class ByWidth(Finding):
    """A finding about H(Bin(T_ℓ)) of whole layers for two widths or more."""

    def entropies(self, tables: Tables) -> pd.DataFrame:
        """Columns epoch, layer, bin_width and entropy (nats) of whole layers.

        Raises ``Undecidable`` unless a layer has two widths or more.
        """
        table = self.table(tables, "binned_entropy")
        if not several_widths(table):
            raise Undecidable("no whole layer has two bin widths")
        return whole_layers(table)


class SmallerBins(ByWidth):
    """The smallest gain of H(Bin(T_ℓ)), over epochs and layers, from a width to the next smaller.

    In nats. Where the smaller width divides the larger one, bins are nested and the gain is ≥ 0.
    """

    quantity = "the smallest gain from a width to the next smaller (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.entropies(tables)
        by_width = rows.pivot_table(index=["epoch", "layer"], columns="bin_width", values="entropy")
        gains = {
            (wide, narrow): by_width[narrow] - by_width[wide]
            for narrow, wide in pairwise(by_width.columns)
        }
        least = float(min(gain.min() for gain in gains.values()))
        listed = ", ".join(
            f"{gain.mean():.2f} from width {wide:g} to {narrow:g}"
            for (wide, narrow), gain in gains.items()
        )
        return Quantity(f"on average {listed}; at least {least:.3g} nats", least, least)


class SmallestBins(ByWidth):
    """The largest H(X) − H(Bin(T_ℓ)), nats, over layers, at the smallest width and last epoch."""

    quantity = "the largest gap to H(X) at the smallest width (nats)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = self.entropies(tables)
        last = rows[rows["epoch"] == rows["epoch"].max()]
        smallest = last[last["bin_width"] == last["bin_width"].min()].sort_values("layer")
        h_x = self.facts(tables).h_x
        gaps = h_x - smallest["entropy"]
        listed = ", ".join(
            f"{gap:.3f} (layer {layer})" for gap, layer in zip(gaps, smallest["layer"], strict=True)
        )
        text = (
            f"H(X) = {h_x:.3f} is missed by {listed} nats with bins of "
            f"{last['bin_width'].min():g} at epoch {rows['epoch'].max()}"
        )
        return Quantity(text, float(gaps.max()), float(gaps.max()))


class WidthDecides(ByWidth):
    """The share of widths at which H(Bin(T_ℓ)) falls by at least ``fall`` nats from its highest
    value to the end: neither 0 nor 1 where the width decides whether a layer compresses.
    """

    def __init__(self, layer: int, fall: float, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer
        self.fall = fall
        self.quantity = f"the share of widths at which H(Bin) falls by {fall:g} nats"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = of_layer(self.entropies(tables), self.layer).sort_values("epoch")
        falls = rows.groupby("bin_width")["entropy"].agg(lambda h: h.max() - h.iloc[-1])
        listed = ", ".join(f"{fall:.2f} (width {width:g})" for width, fall in falls.items())
        share = float((falls >= self.fall).mean())
        return Quantity(f"layer {self.layer} falls by {listed} nats", share, share)
