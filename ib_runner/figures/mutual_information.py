"""I(X;T_ℓ) over epochs with its certified interval (top of Fig. 5)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from ib_runner.figures.epoch_axis import draw_interval, epoch_axis, marker
from ib_runner.figures.layer_style import layer_legend, layer_line, layer_name
from ib_runner.figures.style import COLUMN, GREY, colour, grow, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.selections.context import Context, Tables, facts
from ib_runner.selections.information import (
    BINNED,
    certified,
    exact,
    of_layer,
    one_sided,
    pairwise,
    paper,
)
from ib_runner.status import Status
from ib_runner.tables.layers import Layers

CROSS = {"marker": "x", "markersize": 4, "linestyle": "none", "zorder": 4}
EXACT = {"color": "black", "linewidth": 0.8, "linestyle": (0, (4, 2)), "zorder": 3}
PAIRWISE = {"linewidth": 0.8, "linestyle": "-.", "zorder": 3}
ENTROPY = {"color": GREY, "linewidth": 0.8, "linestyle": ":", "zorder": 1}

VACUOUS, IMPOSSIBLE = str(Status.VACUOUS.value), str(Status.IMPOSSIBLE.value)
#: a ring around values outside [0, H]
RING = {"linestyle": "none", "marker": "o", "markersize": 9, "fillstyle": "none", "clip_on": False}
#: triangles at the informative end of one-sided intervals, pointing to where I(X;T) is
ONE_END = {"linestyle": "none", "markersize": 3.5, "zorder": 2.5}
LOWER_ONLY, UPPER_ONLY = {"marker": "^", **ONE_END}, {"marker": "v", **ONE_END}
#: share of the axis above which a band is visible beside its line
SEEN = 0.015
#: share of the axis below which a letter under its arrow would fall off the axis
_LOW = 0.35


class MutualInformation:
    """A line and a band, the certified interval, for each layer.

    Where an interval ends at 0 or H(X), a triangle marks the other end, without a line. Crosses are
    the paper's estimator, with a ring where the value is outside [0, H]. If measured, quadrature is
    a dashed line, and pairwise bounds are dotted lines.
    """

    tables_needed = ("mutual_information", "layers")

    shows = "estimates of I(X;T), which needs Gaussian noise"

    def applies(self, tables: Tables, context: Context) -> bool:
        """Whether the network has Gaussian noise: without, I(X;T) is vacuous."""
        rows = tables("mutual_information")
        return bool((rows[rows["method"] != BINNED]["status"] != VACUOUS).any())

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        figure = new_figure(COLUMN, 2.2)
        axes = figure.subplots()
        table = tables("mutual_information")
        key = draw_information(axes, table, facts(tables), context)
        grow(figure, layer_legend(axes, key))
        return figure


def draw_information(
    axes: Axes, table: pd.DataFrame, layers: Layers, context: Context
) -> list[Artist]:
    """I(X;T_ℓ) of every layer on ``axes``, with the epoch axis and H(X) as a dotted line.

    Returns labelled handles for ``layer_legend``, which explain everything but the layers' lines.
    """
    n_layers = int(table["layer"].max())
    rows = certified(table, layers)
    whole = rows[one_sided(rows, layers) == ""]
    handles: list[Artist] = [_band(whole, layers)] if len(whole) else []
    for layer, of_one in rows.groupby("layer"):
        handles += _draw_layer(axes, of_one, layers, context, layer_line(layer, n_layers))
    handles = list({one.get_label(): one for one in handles}.values())
    handles += _draw_other_methods(axes, table, layers, context.unit)
    axes.axhline(convert(layers.h_x, context.unit), **ENTROPY)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(rf"$I(X;T_\ell)$ [{context.unit}]")
    epoch_axis(axes, int(table["epoch"].max()))
    if not axes.lines[:-1]:
        reasons = ", ".join(table.loc[table["method"] != BINNED, "status"].unique())
        axes.text(0.5, 0.5, f"no estimate: {reasons}", transform=axes.transAxes, ha="center")
        return []
    return [*handles, Line2D([], [], label="$H(X)$", **ENTROPY)]


def _draw_layer(
    axes: Axes, rows: pd.DataFrame, layers: Layers, context: Context, style: dict[str, Any]
) -> list[Line2D]:
    """Draw a layer's line, band, and triangles for one-sided intervals; returns legend entries."""
    sides = one_sided(rows, layers)
    whole = rows[["mi", "lower", "upper"]].copy()
    whole.loc[sides != ""] = np.nan
    mi, lower, upper = (convert(whole[name], context.unit) for name in whole)
    epochs, name = rows["epoch"], layer_name(int(rows["layer"].iloc[0]))
    alone = "." if (sides != "").any() else marker(rows)  # a point between two gaps has no line
    draw_interval(axes, epochs, lower, upper, color=style["color"], alpha=0.3)
    axes.plot(epochs, mi, label=name, marker=alone, **style)
    keys = []
    for side, look in (("lower", LOWER_ONLY), ("upper", UPPER_ONLY)):
        ends = rows[sides == side]
        if len(ends):
            look = {"color": style["color"], **look}
            axes.plot(ends["epoch"], convert(ends[side], context.unit), **look)
            keys.append(Line2D([], [], label=f"{side} bound alone", **{**look, "color": GREY}))
    return keys


def _band(whole: pd.DataFrame, layers: Layers) -> Patch:
    """The legend's entry for two-sided intervals, ``whole``."""
    widest = (whole["upper"] - whole["lower"]).max()
    hidden = " (thin)" if widest < SEEN * layers.h_x else ""
    return Patch(color=GREY, alpha=0.3, linewidth=0, label=f"certified 95 % interval{hidden}")


def _draw_other_methods(axes: Axes, table: pd.DataFrame, layers: Layers, unit: str) -> list[Line2D]:
    """Draw the values of other methods; returns a legend entry for each kind."""
    handles, ringed = [], False
    for label, found, style in (
        ("paper's estimator", paper, CROSS),
        ("quadrature", exact, EXACT),
        ("pairwise bounds", pairwise, PAIRWISE),
    ):
        rows = found(table, layers)
        for (layer, _), one in rows.groupby(["layer", "method"]):
            values = convert(one["mi"], unit)
            look = {"color": colour(layer - 1), "marker": marker(one), **style}
            axes.plot(one["epoch"], values, **look)
            cannot_be = one[one["status"] == IMPOSSIBLE]
            if len(cannot_be):
                values = convert(cannot_be["mi"], unit)
                axes.plot(cannot_be["epoch"], values, **{"color": look["color"], **RING})
                ringed = True
        if len(rows):
            handles.append(Line2D([], [], label=label, **{"color": GREY, **style}))
    if ringed:
        look = {**RING, "markersize": 6, "color": GREY}
        handles.append(Line2D([], [], label="impossible: outside [0, $H(X)$]", **look))
    return handles


def draw_marks(
    axes: Axes,
    table: pd.DataFrame,
    layers: Layers,
    context: Context,
    layer: int,
    marks: Sequence[tuple[str, int]],
) -> None:
    """Draw letters ``marks`` (name, epoch) with arrows to the curve of ``layer`` at that epoch."""
    rows = certified(table, layers)
    if rows.empty:
        return
    curve = _drawn(of_layer(rows, layer), layers)
    highest = axes.get_ylim()[1]
    for name, epoch in marks:
        if epoch not in curve:
            continue
        value = convert(curve[epoch], context.unit)
        axes.annotate(
            name,
            (epoch, value),
            xytext=(0, -22 if value > _LOW * highest else 22),
            textcoords="offset points",
            ha="center",
            va="center",
            zorder=5,
            path_effects=[withStroke(linewidth=2, foreground="white")],
            arrowprops={"arrowstyle": "-|>", "linewidth": 0.7, "shrinkB": 1, "mutation_scale": 6},
        )


def _drawn(rows: pd.DataFrame, layers: Layers) -> dict[int, float]:
    """By epoch: the value in nats of a layer's line, or of its triangle."""
    sides = one_sided(rows, layers)
    values = rows["mi"].where(sides == "", rows["lower"].where(sides == "lower", rows["upper"]))
    known = sides != "none"
    return dict(zip(rows.loc[known, "epoch"], values[known], strict=True))
