"""The table ``linear_probe`` as a figure."""

from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import epoch_axis
from ib_runner.figures.style import COLUMN, colour, new_figure, styled
from ib_runner.selections.context import Context, Tables


class LinearProbe:
    """A line for each layer. It is drawn where the tables of ``tables_needed`` are there."""

    tables_needed = ("linear_probe",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("linear_probe")
        figure = new_figure(COLUMN, 2.2)
        axes = figure.subplots()
        for layer, line in table.groupby("layer"):
            label = f"layer {layer}" if layer else "input"
            axes.plot(line["epoch"], line["accuracy"], color=colour(layer), label=label)
        axes.set_ylabel("accuracy of a linear probe")
        axes.legend(loc="best")
        epoch_axis(axes, int(table["epoch"].max()))
        return figure
