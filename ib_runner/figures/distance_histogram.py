"""Within- and between-class distances of a layer's values, at the last marked epoch (Fig. 6)."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch

from ib_runner.figures.epoch_axis import marked_epochs
from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.style import COLUMN, colour, new_figure, styled
from ib_runner.selections.context import Context, Tables

#: height relative to the highest bin below which a bin is invisible (1 % on the square-root scale)
VISIBLE = 1e-4
KINDS = {"between": colour(1), "within": colour(0)}


class DistanceHistogram:
    """One panel for each layer, the input first."""

    tables_needed = ("distance_histogram",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("distance_histogram")
        epoch = marked_epochs(tables, context, table, 1)[-1]
        layers = sorted(table["layer"].unique())
        n_rows = -(-len(layers) // 2)
        figure = new_figure(COLUMN, 0.6 + 1.0 * n_rows)
        panels = figure.subplots(n_rows, 2, squeeze=False).ravel()
        for axes, layer in zip(panels, layers, strict=False):
            draw_distances(axes, table, epoch, layer)
            axes.set_title(layer_name(layer), pad=3)
        for axes in panels[len(layers) :]:
            axes.remove()
        distance_labels(figure, f"pairwise distance at epoch {epoch}")
        return figure


def draw_distances(axes: Axes, table: pd.DataFrame, epoch: int, layer: int) -> None:
    """Both densities of pairwise distances, each integrating to 1, on a square-root scale."""
    rows = table[(table["epoch"] == epoch) & (table["layer"] == layer)]
    for kind, hue in KINDS.items():
        bins = rows[rows["pairs"] == kind].sort_values("left")
        edges = [*bins["left"], bins["right"].iloc[-1]]
        _stairs(axes, bins["density"], edges, fill=True, facecolor=hue, linewidth=0, alpha=0.25)
        _stairs(axes, bins["density"], edges, edgecolor=hue, linewidth=0.8, label=kind)
    # clusters make peaks that are tens of times as high as the rest
    root_scale(axes)
    axes.set_xlim(0, visible_end(rows))
    axes.locator_params(axis="x", nbins=4)


def _stairs(axes: Axes, values: Sequence[float], edges: Sequence[float], **look: Any) -> None:
    """``axes.stairs``, which looks for the extremes of each straight piece of its outline."""
    axes.add_artist(StepPatch(values, edges, baseline=0.0, **{"fill": False, **look}))
    axes.update_datalim([(edges[0], 0.0), (edges[-1], max(values))])
    axes.autoscale_view()


def visible_end(rows: pd.DataFrame) -> float:
    """The right edge of the last bin of ``rows`` that is visible on the square-root scale."""
    peaks = rows.groupby("epoch")["density"].transform("max")
    return float(rows.loc[rows["density"] > VISIBLE * peaks, "right"].max())


def root_scale(axes: Axes) -> None:
    """Give ``axes`` a square-root scale from 0 for densities, without numbers."""
    axes.set_yscale("function", functions=(_root, _square))
    axes.set_ylim(bottom=0)
    axes.set_yticks([])


def distance_labels(figure: Figure, distance: str) -> None:
    """Axis names, that of ``distance`` given, and the legend for all panels of ``figure``."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.supxlabel(distance, fontsize="medium")
    figure.supylabel("density (square-root scale)", fontsize="medium")
    names = [f"{label}-class pairs" for label in labels]
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))


def _root(values):
    return abs(values) ** 0.5


def _square(values):
    return values**2
