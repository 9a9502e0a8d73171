"""How layers are told apart, the same in every panel."""

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from ib_runner.figures.legends import legend_above
from ib_runner.figures.style import PALETTE, colour

#: line widths in points, thinner for deeper layers, so that coinciding lines show as stripes
WIDTHS = (3.6, 2.7, 1.9, 1.3, 0.9)


def layer_line(layer: int, n_layers: int = len(WIDTHS)) -> dict[str, object]:
    """Line style of ``layer`` = 1, 2, …; the last of ``n_layers`` has the thinnest line."""
    return {
        "color": colour(layer - 1),
        "linewidth": _width(layer, n_layers),
        "linestyle": "-" if layer <= len(PALETTE) else (0, (3, 1)),  # dashed: a repeated colour
    }


def _width(layer: int, n_layers: int) -> float:
    """The line width of ``layer``: the last of ``WIDTHS`` for few layers, else interpolated."""
    if n_layers <= len(WIDTHS):
        return WIDTHS[min(layer - n_layers, 0) - 1]
    place = (layer - 1) * (len(WIDTHS) - 1) / (n_layers - 1)
    return float(np.interp(place, range(len(WIDTHS)), WIDTHS))


def layer_legend(axes: Axes, key: Sequence[Artist] = ()) -> float:
    """Draw a legend above ``axes``: the layers' lines, then ``key``, entries for everything else.

    Returns the height of the legend in inches.
    """
    handles, labels = axes.get_legend_handles_labels()
    for handle, label in zip(handles, labels, strict=True):
        handle.set_label(label)
    return legend_above(axes, handles, key)


def layer_name(layer: int) -> str:
    """The name of ``layer`` in figures; layer 0 is the input."""
    return f"layer {layer}" if layer else "input"
