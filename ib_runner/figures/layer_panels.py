"""A panel for each layer, epochs across, and one legend for the lines of all."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.epoch_axis import epoch_axis
from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.legends import in_rows
from ib_runner.figures.over_runs import layout
from ib_runner.figures.style import COLUMN, GREY, PAGE, new_figure, small
from ib_runner.figures.units import convert

N_COLUMNS = 3
#: the legend names all lines up to MOST_ENTRIES, else NAMED of them, by the figure's width
MOST_ENTRIES, NAMED = {COLUMN: 12, PAGE: 24}, {COLUMN: 4, PAGE: 8}


def layer_panels(
    layers: Sequence[int],
    draw: Callable[[Axes, int], None],
    quantity: str,
    lines: str,
    last_epoch: int,
    h_x: float,
    unit: str,
) -> Figure:
    """``draw(axes, layer)`` draws the labelled ``lines`` of one layer; ``h_x``, nats, is dotted.

    ``quantity`` is what the vertical axis shows, in ``unit``.
    """
    n_rows, n_columns = layout(len(layers), N_COLUMNS)
    width = COLUMN if n_columns == 1 else PAGE
    figure = new_figure(width, 0.5 + 1.8 * n_rows)
    highest = convert(h_x, unit)
    grid = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True)
    for axes, layer in zip(grid.flat, layers, strict=False):
        draw(axes, layer)
        axes.axhline(highest, color=GREY, lw=0.6, linestyle=":")
        axes.set_title(layer_name(layer), pad=3)
        axes.set_ylim(0, 1.05 * highest)
        epoch_axis(axes, last_epoch)
    for axes in grid[:, 0]:
        axes.set_ylabel(f"{quantity} [{unit}]")
    for axes in grid.flat[len(layers) :]:
        axes.remove()
    handles, _ = grid[0, 0].get_legend_handles_labels()
    if len(handles) > MOST_ENTRIES[width]:
        lines = f"{lines}, some of {len(handles)}"
        shown = np.linspace(0, len(handles) - 1, NAMED[width]).round().astype(int)
        handles = [handles[k] for k in shown]
    make = partial(figure.legend, title=lines, title_fontsize=small(), loc="outside upper center")
    in_rows(make, handles, figure)
    return figure
