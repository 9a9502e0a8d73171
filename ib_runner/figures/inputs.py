"""The data: inputs of two numbers, coloured by class (Fig. 11)."""

import numpy as np
from matplotlib.figure import Figure

from ib_runner.figures.representation import class_legend, draw_classes
from ib_runner.figures.style import COLUMN, new_figure, styled
from ib_runner.selections.context import Context, Tables


class Inputs:
    """The inputs, layer 0 of table ``representation``. Raises ``ValueError`` without layer 0."""

    tables_needed = ("representation",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("representation")
        rows = table[table["layer"] == 0]
        rows = rows[rows["epoch"] == rows["epoch"].min()]
        if rows.empty or len(rows["value"].iloc[0]) != 2:
            raise ValueError("layer 0 of the table representation, with two inputs, is needed")
        figure = new_figure(COLUMN, 2.9)
        axes = figure.subplots()
        draw_classes(axes, np.stack(rows["value"].to_list()), rows["label"].to_numpy(), size=4.0)
        axes.set_aspect("equal")
        axes.set_xlabel("$x_1$")
        axes.set_ylabel("$x_2$")
        class_legend(figure, rows["label"].unique(), title=None)
        return figure
