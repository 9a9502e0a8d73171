"""Fig. 6: within- and between-class distances, a column for each layer, a row for each epoch."""

from matplotlib.figure import Figure

from ib_runner.figures.distance_histogram import distance_labels, draw_distances
from ib_runner.figures.epochs import marked_epochs
from ib_runner.figures.layers import layer_name
from ib_runner.figures.style import PAGE, new_figure, styled
from ib_runner.findings.context import Context, Tables

N_MARKS = 4


class Fig6:
    """The input is column 0; a column has one axis, so that rows compare."""

    tables_needed = ("distance_histogram",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("distance_histogram")
        epochs = marked_epochs(tables, context, table, N_MARKS)
        layers = sorted(table["layer"].unique())
        figure = new_figure(PAGE, 0.7 + 0.95 * len(epochs))
        panels = figure.subplots(len(epochs), len(layers), sharex="col", squeeze=False)
        for row, epoch in zip(panels, epochs, strict=True):
            for axes, layer in zip(row, layers, strict=True):
                draw_distances(axes, table, epoch, layer)
            row[0].set_ylabel(f"epoch {epoch}")
        for column, layer in enumerate(layers):
            panels[0, column].set_title(layer_name(layer), pad=3)
            shown = table[(table["layer"] == layer) & table["epoch"].isin(epochs)]
            panels[0, column].set_xlim(0, shown["right"].max())
        distance_labels(figure, "pairwise distance")
        return figure
