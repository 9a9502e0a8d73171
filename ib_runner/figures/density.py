"""Densities of one-unit layers: over epochs (Fig. 4(b), 9(b), (c)) and at a few (Fig. 4(a))."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ib_runner.figures.activation_histogram import epoch_edges
from ib_runner.figures.epoch_axis import epoch_axis, marked_epochs
from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.style import COLUMN, DENSITY_MAP, colour, new_figure, styled
from ib_runner.rules import SHOWN_EPOCHS
from ib_runner.selections.context import Context, Tables

#: densities below this share of the highest are white
FAINTEST = 1e-3
N_CURVES = 2


class Density:
    """A heat map over epochs for each layer, one below the other."""

    tables_needed = ("density",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("density")
        layers = sorted(table["layer"].unique())
        figure = new_figure(COLUMN, 0.5 + 1.7 * len(layers))
        panels = figure.subplots(len(layers), sharex=True, squeeze=False)[:, 0]
        for axes, layer in zip(panels, layers, strict=True):
            density_bar(figure, draw_density(axes, table, layer), axes)
        for axes in panels[:-1]:
            epoch_axis(axes, int(table["epoch"].max()), label=False)
        return figure


class DensityAtEpochs:
    """Curves at several epochs, a panel for each layer.

    ``epochs``: the measured epochs nearest to these are shown; None: chosen from the tables.
    """

    tables_needed = ("density",)

    def __init__(self, epochs: Annotated[Sequence[int] | None, SHOWN_EPOCHS] = None):
        self.epochs = epochs

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("density")
        layers = sorted(table["layer"].unique())
        epochs = marked_epochs(tables, context, table, N_CURVES, self.epochs)
        figure = new_figure(COLUMN, 0.4 + 0.9 * len(epochs))
        panels = figure.subplots(len(epochs), len(layers), sharex="col", squeeze=False)
        for column, layer in zip(panels.T, layers, strict=True):
            draw_density_at(column, table, layer, epochs)
        return figure


def draw_density(axes: Axes, table: pd.DataFrame, layer: int) -> QuadMesh:
    """p(t) of ``layer`` as colours, epochs along the axis."""
    rows = table[table["layer"] == layer]
    step = rows.sort_values(["epoch", "t"])["t"].diff().where(lambda gap: gap > 0).min()
    cells = rows.assign(cell=(rows["t"] / step).round().astype(int))
    p = cells.pivot(index="cell", columns="epoch", values="density")
    p = p.reindex(range(cells["cell"].min(), cells["cell"].max() + 1)).fillna(0.0)
    highest = float(p.to_numpy().max())
    mesh = axes.pcolormesh(
        epoch_edges(p.columns.to_numpy()),
        (np.arange(len(p) + 1) + p.index[0] - 0.5) * step,
        p.where(p >= FAINTEST * highest),
        norm=LogNorm(FAINTEST * highest, highest),
        cmap=DENSITY_MAP,
        rasterized=True,
    )
    axes.set_ylabel(f"t ({layer_name(layer)})")
    axes.locator_params(axis="y", nbins=5)
    epoch_axis(axes, int(table["epoch"].max()))
    return mesh


def density_bar(figure: Figure, mesh: QuadMesh, axes: Axes) -> None:
    """A colour bar right of ``axes``, for the densities in ``mesh``."""
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, aspect=20)
    bar.set_label("density p(t)")
    bar.outline.set_linewidth(0.6)


def draw_density_at(
    panels: Sequence[Axes], table: pd.DataFrame, layer: int, epochs: Sequence[int]
) -> None:
    """p(t) of ``layer`` as a curve, on one of ``panels`` for each of ``epochs``."""
    for axes, epoch in zip(panels, epochs, strict=True):
        rows = table[(table["layer"] == layer) & (table["epoch"] == epoch)].sort_values("t")
        axes.fill_between(rows["t"], rows["density"], color=colour(0), alpha=0.25, linewidth=0)
        axes.plot(rows["t"], rows["density"], color=colour(0), linewidth=0.8)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("p(t)")
        axes.set_title(f"epoch {epoch}", pad=3)
        axes.locator_params(axis="x", nbins=5)
    panels[-1].set_xlabel(f"t ({layer_name(layer)})")
