"""Fig. 1: H(Bin(T_ℓ)) of a deterministic network over epochs, a panel for each bin width."""

from matplotlib.figure import Figure

from ib_runner.figures.binned_entropy import draw_binned_entropy
from ib_runner.figures.layer_style import layer_legend
from ib_runner.figures.style import PAGE, grow, new_figure, styled
from ib_runner.selections.bins import by_width
from ib_runner.selections.context import Context, Tables, facts

N_COLUMNS = 2


class Fig1:
    """Widths from the smallest to the largest, two panels a row, all on one scale."""

    tables_needed = ("binned_entropy", "layers")

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        widths, h_x = by_width(tables("binned_entropy")), facts(tables).h_x
        n_rows = -(-len(widths) // N_COLUMNS)
        figure = new_figure(PAGE, 0.2 + 1.9 * n_rows)
        panels = figure.subplots(n_rows, N_COLUMNS, sharey=True, squeeze=False).ravel()
        for axes, width in zip(panels, widths, strict=False):
            draw_binned_entropy(axes, width, h_x, context.unit)
        for axes in panels[1::N_COLUMNS]:
            axes.set_ylabel("")
        for axes in panels[len(widths) :]:
            axes.remove()
        grow(figure, layer_legend(panels[0]))
        return figure
