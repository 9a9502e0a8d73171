"""What the bins' width does to H(Bin(T_ℓ)): all widths on one axis, layer by layer (Fig. 1)."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from ib_runner.figures.epochs import epoch_axis
from ib_runner.figures.layers import layer_name
from ib_runner.figures.over_runs import layout
from ib_runner.figures.style import COLUMN, GREY, PAGE, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.findings.binning import whole_layers
from ib_runner.findings.context import Context, Tables

#: from narrow to wide bins, without the yellow end that paper swallows
WIDTH_MAP, WIDTH_RANGE = "plasma", (0.0, 0.85)


class BinWidths:
    """A panel for each layer, a line for each width: for runs with two widths or more."""

    tables_needed = ("binned_entropy",)

    def applies(self, tables: Tables, context: Context) -> bool:
        """Whether there is anything to compare."""
        return len(_widths(tables("binned_entropy"))) > 1

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("binned_entropy")
        widths = _widths(table)
        layers = np.unique(table.loc[table["unit"].isna(), "layer"])
        n_rows, n_columns = layout(len(layers), 3)
        figure = new_figure(COLUMN if n_columns == 1 else PAGE, 0.5 + 1.8 * n_rows)
        panels = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).ravel()
        colours = colormaps[WIDTH_MAP](np.linspace(*WIDTH_RANGE, len(widths)))
        for width, colour in zip(widths, colours, strict=True):
            rows = whole_layers(table, width)
            for axes, layer in zip(panels, layers, strict=False):
                one = rows[rows["layer"] == layer]
                entropy = convert(one["entropy"], context.unit)
                axes.plot(one["epoch"], entropy, color=colour, linewidth=1.0, label=f"{width:g}")
        for axes, layer in zip(panels, layers, strict=False):
            axes.axhline(convert(context.h_x, context.unit), color=GREY, lw=0.6, linestyle=":")
            axes.set_title(layer_name(layer), pad=3)
            axes.set_ylim(bottom=0)
            epoch_axis(axes, int(table["epoch"].max()))
        for axes in panels[::n_columns]:
            axes.set_ylabel(rf"$H(\mathrm{{Bin}}(T_\ell))$ [{context.unit}]")
        for axes in panels[len(layers) :]:
            axes.remove()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            title="bin width",
            title_fontsize=7,
            loc="outside upper center",
            ncols=len(widths),
        )
        return figure


def _widths(table: pd.DataFrame) -> np.ndarray:
    return np.unique(table.loc[table["unit"].isna(), "bin_width"])
