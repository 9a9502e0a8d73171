"""Slopes of the units' binned entropies over training (section 5.2)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.style import COLUMN, GREY, colour, new_figure, small, styled
from ib_runner.figures.units import convert
from ib_runner.selections.context import Context, Tables

N_BINS = 40


class EntropySlope:
    """A histogram over the units for each bin width and layer, all on one axis."""

    tables_needed = ("entropy_slope",)

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("entropy_slope")
        table = table.assign(slope=convert(table["slope"], context.unit))
        groups = list(table.groupby(["layer", "bin_width"]))
        figure = new_figure(COLUMN, 0.5 + 0.85 * len(groups))
        panels = figure.subplots(len(groups), sharex=True, squeeze=False)[:, 0]
        edges = _edges(table["slope"])
        for axes, ((layer, width), rows) in zip(panels, groups, strict=True):
            axes.hist(rows["slope"], edges, color=colour(0), alpha=0.6)
            axes.axvline(0.0, color=GREY, linewidth=0.8, linestyle=":")
            axes.set_title(f"{layer_name(layer)}, bin width {width:g}", loc="left", pad=3)
            axes.set_ylabel("units")
            _say(axes, rows["slope"])
        power = _power(edges)
        panels[-1].xaxis.set_major_locator(MaxNLocator(5))
        panels[-1].xaxis.set_major_formatter(lambda slope, _: minus(f"{slope / 10.0**power:.3g}"))
        unit = f"$10^{{{power}}}$ {context.unit}/epoch" if power else f"{context.unit}/epoch"
        panels[-1].set_xlabel(rf"slope of $H(\mathrm{{Bin}}(T_\ell(k)))$ [{unit}]")
        return figure


def minus(text: str) -> str:
    """``text`` with typographic minus signs, as in tick labels."""
    return text.replace("-", "\N{MINUS SIGN}")


def _power(edges: np.ndarray) -> int:
    """The power of ten to take out of tick labels, 0 where these are short anyway."""
    power = int(np.floor(np.log10(np.abs(edges).max())))
    return power if not -2 <= power <= 2 else 0


def _edges(slopes: pd.Series) -> np.ndarray:
    """Equal bins that hold all ``slopes`` and 0."""
    lowest, highest = min(slopes.min(), 0.0), max(slopes.max(), 0.0)
    room = 0.02 * (highest - lowest) or 1e-6
    return np.linspace(lowest - room, highest + room, N_BINS + 1)


def _say(axes: Axes, slopes: pd.Series) -> None:
    """Write mean, standard deviation and share of falling units into the emptier upper corner."""
    middle = sum(axes.get_xlim()) / 2
    left = slopes.median() > middle
    axes.text(
        0.02 if left else 0.98,
        0.95,
        minus(f"mean {slopes.mean():.2g}\nsd {slopes.std(ddof=0):.2g}\n")
        + f"{100 * (slopes < 0).mean():.0f} % negative",
        transform=axes.transAxes,
        ha="left" if left else "right",
        va="top",
        fontsize=small(),
    )
