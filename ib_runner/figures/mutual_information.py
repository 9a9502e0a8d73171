"""I(X;T_ℓ) over epochs with its certified interval (top of Fig. 5)."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ib_runner.figures.epochs import epoch_axis
from ib_runner.figures.layers import layer_legend, layer_line, layer_name
from ib_runner.figures.style import COLUMN, GREY, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.findings.context import Context, Tables
from ib_runner.findings.information import certified, of_layer, paper

CROSS = {"marker": "x", "markersize": 4, "linestyle": "none", "zorder": 4}
ENTROPY = {"color": GREY, "linewidth": 0.8, "linestyle": ":"}


class MutualInformation:
    """A line and a band (the interval) for each layer; crosses are the paper's estimator."""

    tables_needed = ("mutual_information",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        figure = new_figure(COLUMN, 2.4)
        axes = figure.subplots()
        table = tables("mutual_information")
        draw_information(axes, table, context)
        layer_legend(axes)
        return figure


def draw_information(axes: Axes, table: pd.DataFrame, context: Context) -> None:
    """I(X;T_ℓ) of every layer on ``axes``, with the epoch axis and H(X) as a dotted line."""
    for layer, rows in certified(table, context.beta).groupby("layer"):
        style = layer_line(layer)
        mi, lower, upper = (convert(rows[name], context.unit) for name in ("mi", "lower", "upper"))
        axes.fill_between(rows["epoch"], lower, upper, color=style["color"], alpha=0.3, linewidth=0)
        axes.plot(rows["epoch"], mi, label=layer_name(layer), **style)
    crosses = paper(table, context.beta)
    for layer, rows in crosses.groupby("layer"):
        values = convert(rows["mi"], context.unit)
        axes.plot(rows["epoch"], values, color=layer_line(layer)["color"], **CROSS)
    axes.axhline(convert(context.h_x, context.unit), **ENTROPY)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(rf"$I(X;T_\ell)$ [{context.unit}]")
    epoch_axis(axes, int(table["epoch"].max()))
    if axes.lines[:-1]:
        _key(axes, with_crosses=not crosses.empty)
    else:
        reasons = ", ".join(table["status"].unique())
        axes.text(0.5, 0.5, f"no estimate: {reasons}", transform=axes.transAxes, ha="center")


def _key(axes: Axes, with_crosses: bool) -> None:
    """What bands, crosses and the dotted line are; the colours have a legend of their own."""
    handles = [
        Patch(color=GREY, alpha=0.3, linewidth=0, label="certified 95 % interval"),
        Line2D([], [], label="$H(X)$", **ENTROPY),
    ]
    if with_crosses:
        handles.insert(1, Line2D([], [], color=GREY, label="paper's estimator", **CROSS))
    axes.add_artist(axes.legend(handles=handles, loc="lower left", borderaxespad=0.2))


def draw_marks(
    axes: Axes, table: pd.DataFrame, context: Context, layer: int, marks: Sequence[tuple[str, int]]
) -> None:
    """Letters (name, epoch) with arrows to the curve of ``layer``, where it has that epoch."""
    rows = certified(table, context.beta)
    curve = {} if rows.empty else of_layer(rows, layer).set_index("epoch")["mi"].to_dict()
    for name, epoch in marks:
        if epoch not in curve:
            continue
        axes.annotate(
            name,
            (epoch, convert(curve[epoch], context.unit)),
            xytext=(0, -22),
            textcoords="offset points",
            ha="center",
            va="center",
            arrowprops={"arrowstyle": "-|>", "linewidth": 0.7, "shrinkB": 1, "mutation_scale": 6},
        )
