"""Fig. 3: cosine similarities between networks that differ in their noise only."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.distance_histogram import root_scale
from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.style import GREY, PAGE, colour, new_figure, styled
from ib_runner.selections.context import Runs, Tables
from ib_runner.selections.similarity import n_pairs, similarities

#: line widths in points, thinner for more noise, so that coinciding lines show as stripes
WIDTHS = (2.4, 1.8, 1.4, 1.0, 0.8)
#: the largest share of values left of the axis
TAIL = 1e-3


class Fig3:
    """A panel for each layer: histograms over inputs and pairs of networks, a line per condition.

    Networks of each condition are compared with those of the least noisy condition and the same
    seed; networks of different seeds, the baseline, are grey.
    """

    tables_needed = ("cosine_similarity", "layers")

    @styled
    def over_runs(self, tables: Tables, runs: Runs) -> Figure:
        found = similarities(tables, runs.contexts)
        lines = {str(condition): rows for condition, rows in found.related.items()}
        shown = pd.concat([*lines.values(), found.unrelated])
        layers = sorted(shown["layer"].unique())
        n_rows = -(-len(layers) // 2)
        figure = new_figure(PAGE, 0.9 + 1.5 * n_rows)
        panels = figure.subplots(n_rows, 2, squeeze=False).ravel()
        for axes, layer in zip(panels, layers, strict=False):
            if len(found.unrelated):
                _draw(axes, found.unrelated, layer, "different seeds", GREY, fill=True, alpha=0.35)
            for number, (name, rows) in enumerate(lines.items()):
                width = WIDTHS[min(number, len(WIDTHS) - 1)]
                _draw(axes, rows, layer, name, colour(number), linewidth=width)
            axes.set_title(layer_name(layer), pad=3)
            root_scale(axes)
            axes.set_xlim(*_range(shown[shown["layer"] == layer]))
        for axes in panels[len(layers) :]:
            axes.remove()
        epoch = int(shown["epoch"].iloc[0])
        figure.supxlabel(
            f"cosine similarity with the network of condition: {found.reference}, epoch {epoch}",
            fontsize="medium",
        )
        figure.supylabel("density (square-root scale)", fontsize="medium")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=min(3, len(labels)))
        return figure


def _draw(axes: Axes, rows: pd.DataFrame, layer: int, name: str, hue: str, **look: Any) -> None:
    """The histograms of ``layer`` in all ``rows`` taken together, as a density."""
    bins = _together(rows[rows["layer"] == layer])
    height = bins["count"] / (bins["count"].sum() * (bins["right"] - bins["left"]))
    count = n_pairs(rows)
    label = f"{name} ({count} {'pair' if count == 1 else 'pairs'})"
    axes.stairs(height, [*bins["left"], bins["right"].iloc[-1]], color=hue, label=label, **look)


def _together(rows: pd.DataFrame) -> pd.DataFrame:
    """The sum of the histograms in ``rows``, sorted by bin."""
    return rows.groupby(["left", "right"], as_index=False)["count"].sum()


def _range(rows: pd.DataFrame) -> tuple[float, float]:
    """From 0 to 1, or from below 0 if more than ``TAIL`` of the values are negative."""
    bins = _together(rows)
    share = bins["count"].cumsum() / bins["count"].sum()
    return min(0.0, float(bins.loc[share > TAIL, "left"].min())), 1.0
