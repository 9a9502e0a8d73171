"""Fig. 1: H(Bin(T_ℓ)) of a deterministic network over epochs, a panel for each bin width."""

from matplotlib.figure import Figure

from ib_runner.figures.binned_entropy import draw_binned_entropy
from ib_runner.figures.layers import layer_legend
from ib_runner.figures.style import PAGE, new_figure, styled
from ib_runner.selections.bins import widths_of_layers
from ib_runner.selections.context import Context, Tables

N_COLUMNS = 2


class Fig1:
    """Widths from the smallest to the largest, two panels a row, all on one scale."""

    tables_needed = ("binned_entropy",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("binned_entropy")
        widths = widths_of_layers(table)
        n_rows = -(-len(widths) // N_COLUMNS)
        figure = new_figure(PAGE, 0.4 + 1.9 * n_rows)
        panels = figure.subplots(n_rows, N_COLUMNS, sharey=True, squeeze=False).ravel()
        for axes, width in zip(panels, widths, strict=False):
            draw_binned_entropy(axes, table, context, width)
        for axes in panels[1::N_COLUMNS]:
            axes.set_ylabel("")
        for axes in panels[len(widths) :]:
            axes.remove()
        layer_legend(panels[0])
        return figure
