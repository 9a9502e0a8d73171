"""Fig. 4: densities and information of one tanh neuron while it is trained."""

from collections.abc import Sequence
from typing import Annotated

from matplotlib.figure import Figure

from ib_runner.figures.density import (
    N_CURVES,
    density_bar,
    draw_density,
    draw_density_at,
)
from ib_runner.figures.epoch_axis import marked_epochs
from ib_runner.figures.layer_style import layer_legend
from ib_runner.figures.mutual_information import draw_information
from ib_runner.figures.noise_levels import draw_noise_levels
from ib_runner.figures.style import PAGE, letter, new_figure, styled
from ib_runner.rules import SHOWN_EPOCHS
from ib_runner.selections.context import Context, Tables, facts
from ib_runner.selections.information import layer_number


class Fig4:
    """(a) p(t) at ``epochs`` (or the measured ones nearest to them), (b) over all; I(X;T) (c) by
    quadrature, by the coupled estimator and by the paper's, (d) at all measured noise levels.

    ``layer``, of one unit, counts from 1 or backwards from −1.
    """

    tables_needed = ("density", "mutual_information", "layers")

    def __init__(
        self, layer: int = -1, epochs: Annotated[Sequence[int] | None, SHOWN_EPOCHS] = None
    ):
        self.layer = layer
        self.epochs = epochs

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        density, information = tables("density"), tables("mutual_information")
        layer, layers = layer_number(density, self.layer), facts(tables)
        epochs = marked_epochs(tables, context, density, N_CURVES, self.epochs)
        figure = new_figure(PAGE, 4.8)
        (left, right), (bottom_left, bottom_right) = figure.subfigures(2, 2)
        curves = left.subplots(len(epochs), 1, sharex=True, squeeze=False)[:, 0]
        draw_density_at(curves, density, layer, epochs)
        heat = right.subplots()
        density_bar(right, draw_density(heat, density, layer), heat)
        axes = bottom_left.subplots()
        layer_legend(axes, draw_information(axes, information, layers, context))
        draw_noise_levels(bottom_right.subplots(), information, layers.h_x, context.unit, layer)
        for place, name in zip((left, right, bottom_left, bottom_right), "abcd", strict=True):
            letter(place, name)
        return figure
