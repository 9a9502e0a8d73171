"""Fig. 5's curves over seeds: the median and the inter-quartile range of each."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ib_runner.figures.epoch_axis import epoch_axis
from ib_runner.figures.layer_style import layer_line, layer_name
from ib_runner.figures.legends import in_rows
from ib_runner.figures.losses import LINES, loss_values
from ib_runner.figures.over_runs import (
    draw_band,
    group_name,
    layout,
    over_seeds,
    seed_groups,
    spread_of,
)
from ib_runner.figures.style import GREY, PAGE, new_figure, small, styled
from ib_runner.figures.units import convert
from ib_runner.rules import PANELS, SOME_PANELS
from ib_runner.selections.bins import of_default_width
from ib_runner.selections.context import Context, Runs, Tables, read
from ib_runner.selections.information import best
from ib_runner.tables.layers import Layers

N_COLUMNS = 4
#: the most epochs in curves of the losses, as many as the axis can show
MOST_EPOCHS = 400
#: factor of line widths, so that bands are visible; no line is thinner than THINNEST points
THINNER, THINNEST = 0.7, 1.0

#: the legend's patch for bands of any colour
BAND = {"color": GREY, "alpha": 0.25, "linewidth": 0}

Draw = Callable[[Axes, pd.DataFrame, Layers | None, Context], None]


class Seeds:
    """A column for each group of runs that differ in their seed only, a row for each panel.

    ``panels`` names the tables to show: mutual_information, training, binned_entropy.
    """

    keys_needed = ("seed",)

    def __init__(self, panels: Annotated[Sequence[str], SOME_PANELS] = PANELS):
        self.tables_needed = tuple(dict.fromkeys(["training", *panels]))
        self.panels = {name: DRAW[name] for name in panels}

    @styled
    def over_runs(self, tables: Tables, runs: Runs) -> Figure:
        groups = seed_groups(tables, runs)
        n_blocks, n_columns = layout(len(groups), N_COLUMNS)
        n_rows = n_blocks * len(self.panels)
        figure = new_figure(PAGE, 0.4 + 1.3 * n_rows + 0.25 * n_blocks)
        axes = figure.subplots(n_rows, n_columns, squeeze=False, sharey="row")
        last = int(tables("training")["epoch"].max())
        for number, (values, names) in enumerate(groups.items()):
            block, column = divmod(number, n_columns)
            context, layers = runs.contexts[names[0]], _facts(tables, names)
            for row, (table, draw) in enumerate(self.panels.items()):
                panel = axes[block * len(self.panels) + row, column]
                rows = tables(table)
                rows = rows[rows["run"].isin(names)]
                if len(rows):
                    draw(panel, rows, layers, context)
                else:
                    panel.text(0.5, 0.5, "not measured", transform=panel.transAxes, ha="center")
                epoch_axis(panel, last, label=row == len(self.panels) - 1)
                if column:
                    panel.set_ylabel("")
            top = axes[block * len(self.panels), column]
            name = group_name(runs.keys, values) or context.experiment
            top.set_title(f"{name}: {spread_of(len(names))}", pad=3, fontsize=small())
        _finish(figure, axes.ravel(), bands=max(map(len, groups.values())) > 1)
        return figure


def _facts(tables: Tables, names: Sequence[str]) -> Layers | None:
    """The facts about layers, which agree in all runs ``names``; None where none was measured."""
    table = read(tables, "layers")
    rows = None if table is None else table[table["run"].isin(names)]
    if rows is None or rows.empty:
        return None
    return Layers(rows[rows["run"] == rows["run"].iloc[0]])


def _information(axes: Axes, table: pd.DataFrame, layers: Layers, context: Context) -> None:
    for layer, rows in best(table, layers).groupby("layer"):
        band = over_seeds(rows, "mi")
        _draw_layer(axes, convert(band, context.unit), int(layer))
    axes.axhline(convert(layers.h_x, context.unit), color=GREY, linewidth=0.6, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(rf"$I(X;T_\ell)$ [{context.unit}]")
    if len(axes.lines) == 1:
        axes.text(0.5, 0.5, "no estimate", transform=axes.transAxes, ha="center")


def _losses(axes: Axes, table: pd.DataFrame, layers: Layers | None, context: Context) -> None:
    last = int(table["epoch"].max())
    shown = {0, *np.geomspace(1, max(last, 1), MOST_EPOCHS).astype(int).tolist()}
    table = table[table["epoch"].isin(shown)]
    for split, colour in LINES.items():
        rows = table[table["split"] == split]
        loss, label = loss_values(rows["loss"], context)
        draw_band(
            axes, over_seeds(rows.assign(loss=loss), "loss"), split, color=colour, linewidth=1.0
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel(label)


def _binned_entropy(axes: Axes, table: pd.DataFrame, layers: Layers, context: Context) -> None:
    width, rows_of_width = of_default_width(table, layers)
    for layer, rows in rows_of_width.groupby("layer"):
        _draw_layer(axes, convert(over_seeds(rows, "entropy"), context.unit), int(layer))
    axes.axhline(convert(layers.h_x, context.unit), color=GREY, linewidth=0.6, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(rf"$H(\mathrm{{Bin}}(T_\ell))$ [{context.unit}]")
    axes.set_title(f"bin width {width}", loc="right", fontsize=small(), pad=2)  # above all curves


DRAW: dict[str, Draw] = {
    "mutual_information": _information,
    "training": _losses,
    "binned_entropy": _binned_entropy,
}


def _draw_layer(axes: Axes, band: pd.DataFrame, layer: int) -> None:
    style = layer_line(layer)
    style["linewidth"] = max(THINNEST, THINNER * style["linewidth"])
    draw_band(axes, band, layer_name(layer), **style)


def _finish(figure: Figure, panels: Sequence[Axes], bands: bool) -> None:
    """Remove panels without a group, and add a legend, with ``bands`` if there are any."""
    handles: dict[str, Artist] = {}
    for axes in panels:
        if not axes.has_data() and not axes.texts:
            axes.remove()
            continue
        lines, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    if bands:
        name = "line: median, band: quartiles over seeds"
        handles[name] = Patch(label=name, **BAND)
    make = partial(figure.legend, loc="outside upper center", handlelength=1.2, columnspacing=0.8)
    in_rows(make, list(handles.values()), figure)
