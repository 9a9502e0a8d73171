"""What the bins' width does to H(Bin(T_ℓ)): all widths on one axis, layer by layer (Fig. 1)."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import marker
from ib_runner.figures.layer_panels import layer_panels
from ib_runner.figures.style import styled
from ib_runner.figures.units import convert
from ib_runner.selections.bins import several_widths, whole_layers
from ib_runner.selections.context import Context, Tables, facts

#: colours from narrow to wide bins, without the yellow end, which is too pale in print
WIDTH_MAP, WIDTH_RANGE = "plasma", (0.0, 0.85)


class BinWidths:
    """A panel for each layer, a line for each width: for runs with two widths or more."""

    tables_needed = ("binned_entropy", "layers")
    #: the fewest bin widths for which the figure is drawn
    least_widths = 2

    shows = "H(Bin(T)) at several bin widths, as of measure.bin_widths=[0.01,0.1]"

    def applies(self, tables: Tables, context: Context) -> bool:
        """Whether some layer was measured with two bin widths or more."""
        return several_widths(tables("binned_entropy"))

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = whole_layers(tables("binned_entropy"))
        widths = np.unique(table["bin_width"])
        colours = colormaps[WIDTH_MAP](np.linspace(*WIDTH_RANGE, len(widths)))

        def draw(axes: Axes, layer: int) -> None:
            for width, colour in zip(widths, colours, strict=True):
                rows = table[(table["layer"] == layer) & (table["bin_width"] == width)]
                entropy = convert(rows["entropy"], context.unit)
                style = {"color": colour, "linewidth": 1.0, "marker": marker(rows)}
                axes.plot(rows["epoch"], entropy, label=f"{width:g}", **style)

        return layer_panels(
            np.unique(table["layer"]),
            draw,
            r"$H(\mathrm{Bin}(T_\ell))$",
            "bin width",
            int(table["epoch"].max()),
            facts(tables).h_x,
            context.unit,
        )
