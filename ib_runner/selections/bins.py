"""H(Bin(T_ℓ)) of whole layers from the table ``binned_entropy``, width by width."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ib_runner.tables.layers import Layers

#: widths with a smaller relative difference count as equal, since 10β and 0.05 differ by rounding
_ROUNDING = 1e-9


class OfWidth(NamedTuple):
    """Whole layers' rows for bins of one width, by layer and epoch, and the width in words."""

    width: str
    rows: pd.DataFrame


def whole_layers(table: pd.DataFrame) -> pd.DataFrame:
    """The rows about whole layers, sorted by layer, width and epoch."""
    rows = table[table["unit"].isna()]
    return rows.sort_values(["layer", "bin_width", "epoch"], ignore_index=True)


def of_width(table: pd.DataFrame, width: float) -> pd.DataFrame:
    """The whole layers' rows with bins of ``width``, sorted by layer and epoch."""
    rows = whole_layers(table)
    return rows[(rows["bin_width"] - width).abs() <= _ROUNDING * width].reset_index(drop=True)


def of_default_width(table: pd.DataFrame, layers: Layers) -> OfWidth:
    """For each layer the rows whose width is nearest to the layer's default width, 10β."""
    kept = [
        rows[rows["bin_width"] == _nearest(rows["bin_width"], layers.bin_width(int(layer)))]
        for layer, rows in whole_layers(table).groupby("layer")
    ]
    rows = pd.concat(kept, ignore_index=True) if kept else whole_layers(table)
    return OfWidth(_words(rows), rows)


def by_width(table: pd.DataFrame) -> list[OfWidth]:
    """The whole layers' rows grouped by bin width, increasing.

    A single group where every layer has one width only, which may differ between layers (10β).
    """
    rows = whole_layers(table)
    widths = rows.groupby("layer")["bin_width"]
    if widths.nunique().max() == 1:
        return [OfWidth(_words(rows), rows)]
    return [
        OfWidth(f"{width:g}", one.reset_index(drop=True))
        for width, one in rows.groupby("bin_width")
    ]


def several_widths(table: pd.DataFrame) -> bool:
    """Whether any whole layer has two widths or more."""
    return bool(whole_layers(table).groupby("layer")["bin_width"].nunique().max() > 1)


def _nearest(widths: pd.Series, wanted: float) -> float:
    there = np.unique(widths)
    return float(there[np.abs(there - wanted).argmin()])


def _words(rows: pd.DataFrame) -> str:
    widths = np.unique(rows["bin_width"])
    if len(widths) < 2:
        return "".join(f"{width:g}" for width in widths)
    return f"{widths[0]:g} to {widths[-1]:g}, each layer its own"
