"""Weights and biases of small networks over epochs (Fig. 9(a))."""

import re

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import epoch_axis
from ib_runner.figures.style import COLUMN, colour, new_figure, styled
from ib_runner.selections.context import Context, Tables


class Parameter:
    """A line for each parameter, coloured by layer, solid for weights and dashed for all others."""

    tables_needed = ("parameter",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        figure = new_figure(COLUMN, 2.2)
        draw_parameters(figure.subplots(), tables("parameter"))
        return figure


def draw_parameters(axes: Axes, table: pd.DataFrame) -> None:
    """All parameters of ``table`` on ``axes``."""
    for name, rows in table.sort_values("epoch").groupby("name"):
        kind, layer, indices = re.fullmatch(r"(\w+)_(\d+)(\[.*\])?", name).groups()
        axes.plot(
            rows["epoch"],
            rows["value"],
            color=colour(int(layer) - 1),
            linestyle="-" if kind == "w" else "--",
            label=f"${kind}_{{{layer}{indices or ''}}}$",
        )
    axes.set_ylabel("parameter")
    axes.legend(loc="best", ncols=2)
    epoch_axis(axes, int(table["epoch"].max()))
