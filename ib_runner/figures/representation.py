"""Scatter plots of a layer's values at marked epochs, coloured by class (right of Fig. 5)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import LinearLocator, NullFormatter

from ib_runner.figures.epoch_axis import marked_epochs
from ib_runner.figures.legends import in_rows
from ib_runner.figures.style import CLASSES, COLUMN, colour, new_figure, small, styled
from ib_runner.rules import SHOWN_EPOCHS
from ib_runner.selections.context import Context, Tables, facts
from ib_runner.selections.information import layer_number
from ib_runner.tables.layers import Layers

N_MARKS = 4
AZIMUTHS = (-58.0, 32.0)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Representation:
    """Scatter plots of ``layer``, which counts from 1, or backwards from −1, the last in the table.

    ``epochs``: the measured epochs nearest to these are shown; None: chosen from the tables.
    """

    tables_needed = ("representation", "layers")

    def __init__(
        self, layer: int = -1, epochs: Annotated[Sequence[int] | None, SHOWN_EPOCHS] = None
    ):
        self.layer = layer
        self.epochs = epochs

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("representation")
        epochs = marked_epochs(tables, context, table, N_MARKS, self.epochs)
        n_rows = -(-len(epochs) // 2)
        figure = new_figure(COLUMN, 0.3 + 1.75 * n_rows)
        places = figure.add_gridspec(n_rows, 2)
        layers = facts(tables)
        draw_scatters(figure, list(places)[: len(epochs)], table, layers, self.layer, epochs)
        return figure


def draw_scatters(
    figure: Figure | SubFigure,
    places: Sequence[SubplotSpec],
    table: pd.DataFrame,
    layers: Layers,
    layer: int,
    epochs: Sequence[int],
    zoom: float = 1.05,
) -> list[Axes]:
    """A scatter plot of ``layer`` at each of ``epochs``, lettered A, B, …, all with one range.

    ``zoom``: the size of a cube relative to its place, where labels need room as well.

    Layers with more than three units are projected onto the first three principal components of the
    last epoch.
    """
    number = layer_number(table, layer)
    rows = table[(table["layer"] == number) & table["epoch"].isin(epochs)]
    clouds = {epoch: np.stack(one["value"].to_list()) for epoch, one in rows.groupby("epoch")}
    classes = {epoch: one["label"].to_numpy() for epoch, one in rows.groupby("epoch")}
    clouds, name = _in_three_dimensions(clouds, epochs[-1])
    limits = _limits(clouds, layers.bounds(number) if name == "unit" else None)
    azimuth = _azimuth(clouds[epochs[-1]])
    panels = []
    for place, letter, epoch in zip(places, LETTERS, epochs, strict=False):
        axes = _axes(figure, place, clouds[epoch].shape[1], limits, name)
        if axes.name == "3d":
            _tidy_cube(axes, zoom, azimuth)
        draw_classes(axes, clouds[epoch], classes[epoch])
        axes.set_title(f"{letter}: epoch {epoch}", pad=0)
        panels.append(axes)
    title = f"each axis from {limits[0]:.3g} to {limits[1]:.3g}".replace("-", "−")
    class_legend(figure, np.unique(classes[epochs[-1]]), title)
    return panels


def _in_three_dimensions(clouds, last):
    if clouds[last].shape[1] <= 3:
        return clouds, "unit"
    mean = clouds[last].mean(0)
    directions = np.linalg.svd(clouds[last] - mean, full_matrices=False)[2][:3]
    return {epoch: (cloud - mean) @ directions.T for epoch, cloud in clouds.items()}, "PC"


def _limits(clouds, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """The same range for all axes and epochs: ``bounds`` if given, else that of ``clouds``."""
    if bounds is not None:
        return bounds
    values = np.concatenate([cloud.ravel() for cloud in clouds.values()])
    return float(values.min()), float(values.max())


def _axes(figure, place: SubplotSpec, dim: int, limits, name: str) -> Axes:
    axes = figure.add_subplot(place, projection="3d" if dim == 3 else None)
    for number, axis in enumerate("xyz"[:dim], start=1):
        getattr(axes, f"set_{axis}lim")(*limits)
        getattr(axes, f"set_{axis}label")(f"{name} {number}")
    return axes


def _azimuth(cloud: np.ndarray) -> float:
    """The azimuth, of two that differ by a right angle, from which ``cloud`` looks wider."""
    angles = np.radians(AZIMUTHS)
    across = np.stack([-np.sin(angles), np.cos(angles)])
    return AZIMUTHS[np.argmax((cloud[:, :2] @ across).var(axis=0))] if cloud.shape[1] == 3 else 0.0


def _tidy_cube(axes: Axes, zoom: float, azimuth: float) -> None:
    """Grid lines without numbers, for which a cube is too small; the legend has the range."""
    axes.set_box_aspect((1, 1, 1), zoom=zoom)
    axes.view_init(elev=22, azim=azimuth)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(LinearLocator(5))
        axis.set_major_formatter(NullFormatter())
        axis.labelpad = -14
        axis.pane.set_facecolor("white")
        axis.pane.set_edgecolor("#BBBBBB")
        axis._axinfo["grid"].update(color="#DDDDDD", linewidth=0.4)


def draw_classes(axes: Axes, cloud: np.ndarray, label: np.ndarray, size: float = 1.5) -> None:
    """Points ``cloud`` [n, d] in the colours of their classes; ``size`` in square points.

    Raises ``ValueError`` for d = 1.
    """
    if cloud.shape[1] == 1:
        raise ValueError("a layer with one unit has a density, not a scatter plot")
    # drawn in one call and in the samples' order, so that no class covers the other
    colours = [colour(int(one), CLASSES) for one in label]
    flat = {"depthshade": False} if cloud.shape[1] == 3 else {}
    axes.scatter(*cloud.T, c=colours, s=size, linewidths=0, alpha=0.6, rasterized=True, **flat)


def class_legend(figure: Figure | SubFigure, labels: np.ndarray, title: str | None) -> None:
    """The classes' colours, below everything in ``figure``."""
    dot = {"marker": "o", "markersize": 3, "linestyle": "none"}
    handles = [
        Line2D([], [], color=colour(int(label), CLASSES), label=f"class {label}", **dot)
        for label in labels
    ]
    make = partial(
        figure.legend,
        title=title,
        title_fontsize=small(),
        loc="outside lower center",
        handletextpad=0.1,
        columnspacing=0.8,
    )
    in_rows(make, handles, figure)
