"""I(X;T_ℓ) of one layer at all noise levels β that were measured (Fig. 4(d))."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import epoch_axis, marker
from ib_runner.figures.mutual_information import ENTROPY
from ib_runner.figures.style import COLUMN, colour, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.selections.context import Context, Tables, facts
from ib_runner.selections.information import best_at, of_layer


class NoiseLevels:
    """A line for each β; ``layer`` counts from 1, or backwards from −1."""

    tables_needed = ("mutual_information", "layers")

    def __init__(self, layer: int = -1):
        self.layer = layer

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        figure = new_figure(COLUMN, 2.2)
        axes = figure.subplots()
        table, h_x = tables("mutual_information"), facts(tables).h_x
        draw_noise_levels(axes, table, h_x, context.unit, self.layer)
        return figure


def draw_noise_levels(
    axes: Axes, table: pd.DataFrame, h_x: float, unit: str, layer: int = -1
) -> None:
    """I(X;T) of ``layer`` on ``axes`` for every β in ``table``, with ``h_x``, nats, dotted."""
    betas = np.unique(table["beta"])
    for number, beta in enumerate(betas):
        rows = of_layer(best_at(table, beta), layer)
        mi = convert(rows["mi"], unit)
        style = {"color": colour(number), "marker": marker(rows)}
        axes.plot(rows["epoch"], mi, label=rf"$\beta$ = {beta:g}", **style)
    axes.axhline(convert(h_x, unit), **ENTROPY)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"$I(X;T)$ [{unit}]")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2, columnspacing=0.8
    )
    epoch_axis(axes, int(table["epoch"].max()))
