"""How layers are told apart, the same in every panel."""

from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from ib_runner.figures.style import PALETTE, colour, entries_a_row

#: points; deeper layers thinner, so that lines that coincide show as stripes
WIDTHS = (3.6, 2.7, 1.9, 1.3, 0.9)
#: inches of one entry of the legend
ENTRY = 0.59


def layer_line(layer: int, n_layers: int = len(WIDTHS)) -> dict[str, object]:
    """Line style of ``layer`` = 1, 2, …; the last of ``n_layers`` has the thinnest line."""
    from_last = max(0, n_layers - layer)
    return {
        "color": colour(layer - 1),
        "linewidth": WIDTHS[max(-len(WIDTHS), -1 - from_last)],
        "linestyle": "-" if layer <= len(PALETTE) else (0, (3, 1)),  # its colour comes again
    }


def layer_legend(axes: Axes) -> None:
    """A legend above ``axes``, in as few rows as fit, if anything is drawn there."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    axes.legend(
        handles,
        labels,
        loc="lower left",
        # from the left edge of the figure, beyond the axis' labels: five entries fit a column
        bbox_to_anchor=(0.01, 1.0),
        bbox_transform=blended_transform_factory(axes.figure.transSubfigure, axes.transAxes),
        ncols=min(len(labels), entries_a_row(axes.figure, ENTRY)),
        borderaxespad=0.2,
        handlelength=1.0,
        handletextpad=0.4,
        columnspacing=0.8,
    )


def layer_name(layer: int) -> str:
    """Layer 0 is the input."""
    return f"layer {layer}" if layer else "input"
