"""H(Bin(T_ℓ)) of whole layers over epochs (bottom of Fig. 5, and Fig. 7)."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import epoch_axis, marker
from ib_runner.figures.layer_style import layer_legend, layer_line, layer_name
from ib_runner.figures.legends import note
from ib_runner.figures.style import COLUMN, GREY, grow, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.selections.bins import OfWidth, by_width
from ib_runner.selections.context import Context, Tables, facts


class BinnedEntropy:
    """One panel for each bin width that was measured, the widths written into them.

    With ``from_zero`` false, the axis covers only the range of the values.
    """

    tables_needed = ("binned_entropy", "layers")

    def __init__(self, from_zero: bool = True):
        self.from_zero = from_zero

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("binned_entropy")
        widths, h_x = by_width(table), facts(tables).h_x
        figure = new_figure(COLUMN, 0.2 + 1.6 * len(widths))
        panels = figure.subplots(len(widths), sharex=True, squeeze=False)[:, 0]
        for axes, width in zip(panels, widths, strict=True):
            draw_binned_entropy(axes, width, h_x, context.unit, self.from_zero)
        for axes in panels[:-1]:
            epoch_axis(axes, int(table["epoch"].max()), label=False)
        grow(figure, layer_legend(panels[0]))
        return figure


def draw_binned_entropy(
    axes: Axes, binned: OfWidth, h_x: float, unit: str, from_zero: bool = True
) -> None:
    """H(Bin(T_ℓ)) for bins of one width on ``axes``, with H(X), ``h_x`` nats, as a dotted line."""
    n_layers = int(binned.rows["layer"].max())
    for layer, rows in binned.rows.groupby("layer"):
        entropy = convert(rows["entropy"], unit)
        style = layer_line(layer, n_layers)
        axes.plot(rows["epoch"], entropy, label=layer_name(layer), marker=marker(rows), **style)
    highest = convert(h_x, unit)
    axes.axhline(highest, color=GREY, linewidth=0.6, linestyle=":")
    if from_zero:
        axes.set_ylim(0, 1.05 * highest)  # set in every panel, as axes may be shared
    else:
        axes.margins(y=0.2)  # leaves room for the bin width, written into the panel
        axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_ylabel(rf"$H(\mathrm{{Bin}}(T_\ell))$ [{unit}]")
    epoch_axis(axes, int(binned.rows["epoch"].max()))
    note(axes, f"bin width {binned.width}")
