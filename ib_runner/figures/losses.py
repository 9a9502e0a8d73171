"""Training and test loss over epochs (middle of Fig. 5)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import epoch_axis, marker
from ib_runner.figures.style import COLUMN, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.selections.context import Context, Tables

#: colours of the splits, other than those of layers
LINES = {"train": "#999999", "test": "#000000"}


class Losses:
    """Training and test loss, both without noise."""

    tables_needed = ("training",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        figure = new_figure(COLUMN, 2.0)
        axes = figure.subplots()
        draw_losses(axes, tables("training"), context)
        return figure


def draw_losses(axes: Axes, table: pd.DataFrame, context: Context) -> None:
    """Draw both losses on ``axes``; a cross-entropy is converted to ``context.unit``."""
    for split, colour in LINES.items():
        rows = table[table["split"] == split].sort_values("epoch")
        loss, label = loss_values(rows["loss"], context)
        axes.plot(
            rows["epoch"], loss, color=colour, linewidth=1.0, label=split, marker=marker(rows)
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel(label)
    axes.legend(loc="best", borderaxespad=0.1)
    epoch_axis(axes, int(table["epoch"].max()))


def loss_values(loss: pd.Series, context: Context) -> tuple[pd.Series, str]:
    """The values of ``loss`` to draw, and the label of their axis."""
    if context.loss == "cross_entropy":
        return convert(loss, context.unit), f"loss [{context.unit}]"
    return loss, "loss (squared error)"
