"""What the bins' width does to H(Bin(T_ℓ)): all widths on one axis, layer by layer (Fig. 1)."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.layer_panels import layer_panels
from ib_runner.figures.style import styled
from ib_runner.figures.units import convert
from ib_runner.selections.bins import whole_layers, widths_of_layers
from ib_runner.selections.context import Context, Tables

#: from narrow to wide bins, without the yellow end that paper swallows
WIDTH_MAP, WIDTH_RANGE = "plasma", (0.0, 0.85)


class BinWidths:
    """A panel for each layer, a line for each width: for runs with two widths or more."""

    tables_needed = ("binned_entropy",)

    def applies(self, tables: Tables, context: Context) -> bool:
        """Whether there is anything to compare."""
        return len(widths_of_layers(tables("binned_entropy"))) > 1

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("binned_entropy")
        widths = widths_of_layers(table)
        colours = colormaps[WIDTH_MAP](np.linspace(*WIDTH_RANGE, len(widths)))

        def draw(axes: Axes, layer: int) -> None:
            for width, colour in zip(widths, colours, strict=True):
                rows = whole_layers(table, width)
                rows = rows[rows["layer"] == layer]
                entropy = convert(rows["entropy"], context.unit)
                axes.plot(rows["epoch"], entropy, color=colour, linewidth=1.0, label=f"{width:g}")

        return layer_panels(
            np.unique(table.loc[table["unit"].isna(), "layer"]),
            draw,
            r"$H(\mathrm{Bin}(T_\ell))$",
            "bin width",
            int(table["epoch"].max()),
            context,
        )
