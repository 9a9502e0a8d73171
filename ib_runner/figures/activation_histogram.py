"""Histograms of each layer's values over epochs (top rows of Fig. 5 and 10)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import epoch_axis
from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.style import COLUMN, DENSITY_MAP, bar_aspect, new_figure, styled
from ib_runner.selections.context import Context, Tables, facts
from ib_runner.tables.layers import Layers

#: colour scale: shares of a layer's values from 0.1 % to all
SHARES = LogNorm(1e-3, 1.0, clip=True)
#: the most heat maps in one column; with more layers there are two columns
MOST_ROWS = 7
#: an unbounded value axis is cut where more than this share of it is empty at the low end
EMPTY_SHARE = 0.4


class ActivationHistogram:
    """A heat map for each layer, one below the other, or in two columns."""

    tables_needed = ("activation_histogram", "layers")

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("activation_histogram")
        n_layers = table["layer"].nunique()
        n_columns = 1 if n_layers <= MOST_ROWS else 2
        n_rows = -(-n_layers // n_columns)
        figure = new_figure(COLUMN, 0.5 + 0.9 * n_rows)
        grid = figure.subplots(n_rows, n_columns, sharex=True, squeeze=False)
        panels = list(grid.flat)[:n_layers]
        mesh = draw_activations(panels, table, facts(tables))
        for axes in panels[:-n_columns]:
            epoch_axis(axes, int(table["epoch"].max()), label=False)
        for axes in panels[-n_columns:]:
            axes.tick_params(labelbottom=True)  # the lowest panel of its column
        for axes in grid[:, 0]:
            axes.set_ylabel("value")
        for axes in grid.flat[n_layers:]:
            axes.remove()
        share_bar(figure, mesh, panels)
        return figure


def draw_activations(panels: Sequence[Axes], table: pd.DataFrame, layers: Layers) -> QuadMesh:
    """A heat map on each of ``panels``: share of the layer's values in a bin, over epochs.

    Where the activation is unbounded, the end bins include all values beyond, as their ticks say.
    """
    lowest = table.loc[table["count"] > 0, "left"].min()
    for axes, (layer, rows) in zip(panels, table.groupby("layer"), strict=True):
        counts = rows.pivot_table(index="left", columns="epoch", values="count").fillna(0.0)
        shares = (counts / counts.sum()).where(counts > 0)
        edges = [*counts.index, rows["right"].max()]
        mesh = axes.pcolormesh(
            epoch_edges(counts.columns.to_numpy()),
            edges,
            shares,
            norm=SHARES,
            cmap=DENSITY_MAP,
            rasterized=True,
        )
        axes.set_title(layer_name(layer), pad=3)
        ticks = [edges[0], (edges[0] + edges[-1]) / 2, edges[-1]]
        names = [f"{tick:g}".replace("-", "−") for tick in ticks]
        if layers.bounds(int(layer)) is None:
            names = [f"≤ {names[0]}", names[1], f"≥ {names[2]}"]
            # a half without values of any layer, as below a ReLU's 0, needs no room
            if lowest > edges[0] + EMPTY_SHARE * (edges[-1] - edges[0]):
                axes.set_ylim(bottom=lowest)
        shown = [k for k in range(3) if axes.get_ylim()[0] <= ticks[k] <= axes.get_ylim()[1]]
        axes.set_yticks([ticks[k] for k in shown], [names[k] for k in shown])
        epoch_axis(axes, int(table["epoch"].max()))
    return mesh


def share_bar(figure: Figure, mesh: QuadMesh, panels: Sequence[Axes]) -> None:
    """A colour bar right of ``panels``, for the shares in ``mesh``."""
    bar = figure.colorbar(mesh, ax=list(panels), pad=0.01, aspect=bar_aspect(figure))
    bar.set_label("share of values")
    bar.outline.set_linewidth(0.6)


def epoch_edges(epochs: np.ndarray) -> np.ndarray:
    """Cell edges half way between sorted ``epochs``, as seen on the axis of epochs."""
    position = np.log(np.maximum(epochs, 0.3))
    middle = (position[1:] + position[:-1]) / 2
    first = -0.5 if epochs[0] == 0 else epochs[0] * 0.9
    return np.concatenate([[first], np.exp(middle), [epochs[-1] * 1.1 + 0.5]])
