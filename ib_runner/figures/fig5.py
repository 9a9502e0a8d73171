"""Fig. 5, 10 and 12: values, information, losses, binned entropy and representations.

The curves are one below the other, on one epoch axis.
"""

from collections.abc import Sequence
from typing import Annotated

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ib_runner.figures.activation_histogram import draw_activations, share_bar
from ib_runner.figures.binned_entropy import draw_binned_entropy
from ib_runner.figures.epoch_axis import epoch_axis, marked_epochs
from ib_runner.figures.layer_style import layer_legend
from ib_runner.figures.losses import draw_losses
from ib_runner.figures.mutual_information import draw_information, draw_marks
from ib_runner.figures.over_runs import layout
from ib_runner.figures.representation import LETTERS, N_MARKS, draw_scatters
from ib_runner.figures.style import PAGE, new_figure, styled
from ib_runner.rules import SHOWN_EPOCHS
from ib_runner.selections.bins import of_default_width
from ib_runner.selections.context import Context, Tables, facts

#: number of heat maps in a row
N_COLUMNS = 6


class Fig5:
    """Panels of a run; scatter plots show ``layer``, counted from 1 or backwards from −1.

    ``epochs``: scatter plots are of the measured epochs nearest to these; None: chosen from the
    tables.
    """

    tables_needed = (
        "activation_histogram",
        "mutual_information",
        "training",
        "binned_entropy",
        "representation",
        "layers",
    )

    def __init__(
        self, layer: int = -1, epochs: Annotated[Sequence[int] | None, SHOWN_EPOCHS] = None
    ):
        self.layer = layer
        self.epochs = epochs

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        epochs = marked_epochs(tables, context, tables("representation"), N_MARKS, self.epochs)
        n_rows = -(-tables("activation_histogram")["layer"].nunique() // N_COLUMNS)
        values = 0.25 + 1.1 * n_rows
        figure = new_figure(PAGE, values + 6.0)
        top, bottom = figure.subfigures(2, 1, height_ratios=(values, 6.0))
        left, right = bottom.subfigures(1, 2, width_ratios=(4.6, 2.15))
        self._values(top, tables)
        self._curves(left, tables, context, epochs)
        self._scatters(right, tables, epochs)
        return figure

    def _values(self, figure: SubFigure, tables: Tables) -> None:
        table = tables("activation_histogram")
        n_layers = table["layer"].nunique()
        n_rows, n_columns = layout(n_layers, N_COLUMNS)
        grid = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
        panels = list(grid.flat)[:n_layers]
        mesh = draw_activations(panels, table, facts(tables))
        for axes in grid[:, 0]:
            axes.set_ylabel("value")
        for axes in panels[:-n_columns]:
            axes.set_xlabel("")
        for axes in grid.flat[n_layers:]:
            axes.remove()
        share_bar(figure, mesh, panels)

    def _curves(
        self, figure: SubFigure, tables: Tables, context: Context, epochs: Sequence[int]
    ) -> None:
        panels: Sequence[Axes] = figure.subplots(3, 1, height_ratios=(2.4, 1.2, 1.6))
        information, entropy = tables("mutual_information"), tables("binned_entropy")
        layers = facts(tables)
        key = draw_information(panels[0], information, layers, context)
        marks = list(zip(LETTERS, epochs, strict=False))
        draw_marks(panels[0], information, layers, context, self.layer, marks)
        layer_legend(panels[0], key)
        draw_losses(panels[1], tables("training"), context)
        draw_binned_entropy(panels[2], of_default_width(entropy, layers), layers.h_x, context.unit)
        last = max(int(one["epoch"].max()) for one in (information, entropy, tables("training")))
        for axes in panels:
            epoch_axis(axes, last, label=axes is panels[-1])

    def _scatters(self, figure: SubFigure, tables: Tables, epochs: Sequence[int]) -> None:
        places = list(figure.add_gridspec(len(epochs), 1))
        table = tables("representation")
        draw_scatters(figure, places, table, facts(tables), self.layer, epochs, zoom=1.25)
