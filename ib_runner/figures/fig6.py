"""Fig. 6 and 8: within- and between-class distances, a column a layer and a row an epoch."""

from collections.abc import Sequence
from typing import Annotated

import pandas as pd
from matplotlib.figure import Figure

from ib_runner.figures.distance_histogram import distance_labels, draw_distances, visible_end
from ib_runner.figures.epoch_axis import marked_epochs
from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.style import PAGE, new_figure, styled
from ib_runner.rules import SHOWN_EPOCHS
from ib_runner.selections.context import Context, Tables

N_MARKS = 4
#: with more columns, only the first title has the word layer, and ticks are few
NARROW = 8


class Fig6:
    """A column for each layer, beginning with the input; all rows of a column share an axis.

    ``epochs``: the epochs to show, as far as they were measured; None: chosen from the tables.
    """

    tables_needed = ("distance_histogram",)

    def __init__(self, epochs: Annotated[Sequence[int] | None, SHOWN_EPOCHS] = None):
        self.epochs = epochs

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("distance_histogram")
        epochs = self._measured(table) if context.epochs is None else None
        epochs = epochs or marked_epochs(tables, context, table, N_MARKS)
        layers = sorted(table["layer"].unique())
        figure = new_figure(PAGE, 0.7 + 0.95 * len(epochs))
        panels = figure.subplots(len(epochs), len(layers), sharex="col", squeeze=False)
        for row, epoch in zip(panels, epochs, strict=True):
            for axes, layer in zip(row, layers, strict=True):
                draw_distances(axes, table, epoch, layer)
            row[0].set_ylabel(f"epoch {epoch}")
        narrow = len(layers) > NARROW
        for column, layer in enumerate(layers):
            name = str(layer) if narrow and layer > 1 else layer_name(layer)
            panels[0, column].set_title(name, pad=3)
            panels[0, column].locator_params(axis="x", nbins=2 if narrow else 4)
            shown = table[(table["layer"] == layer) & table["epoch"].isin(epochs)]
            panels[0, column].set_xlim(0, visible_end(shown))
        distance_labels(figure, "pairwise distance")
        return figure

    def _measured(self, table: pd.DataFrame) -> list[int]:
        """The members of ``self.epochs`` that ``table`` has."""
        return sorted(set(self.epochs or ()) & set(table["epoch"]))
