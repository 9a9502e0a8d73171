"""The epoch axis, and the epochs that scatter plots and histograms show."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
from numpy.typing import ArrayLike

from ib_runner.selections.context import Context, Tables, facts, read
from ib_runner.selections.information import certified, of_layer
from ib_runner.selections.turning import spread_epochs, turning_points


def epoch_axis(axes: Axes, last: int, label: bool = True) -> None:
    """A logarithmic axis up to epoch ``last`` with a place for epoch 0, one linear step long."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.6)
    axes.set_xlim(-0.15, last * 1.15 if last else 1)
    named = epoch_ticks(last)
    decades = [10**k for k in range(len(str(last)))]
    axes.xaxis.set_major_locator(FixedLocator(named))
    axes.xaxis.set_major_formatter(FuncFormatter(epoch_name))
    minor = [k * decade for decade in decades for k in range(2, 10) if k * decade <= last]
    axes.xaxis.set_minor_locator(FixedLocator(sorted({*minor} - {*named})))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if label:
        axes.set_xlabel("epoch")
    else:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)


def epoch_ticks(last: int) -> list[int]:
    """The labelled epochs up to ``last``: 0 and powers of ten, or all where there are few."""
    decades = [10**k for k in range(len(str(last)))]
    return [0, *(decades if last >= 10 else [k for k in (1, 2, 5) if k <= last])]


def marker(rows: pd.DataFrame) -> str | None:
    """The marker of a line over the epochs of ``rows``: a point where there is one epoch only."""
    return "." if len(rows) == 1 else None


def draw_interval(
    axes: Axes, epochs: ArrayLike, low: ArrayLike, high: ArrayLike, **look: Any
) -> None:
    """Draw a band from ``low`` to ``high`` over ``epochs``, or a bar where there is one epoch."""
    if len(np.atleast_1d(epochs)) == 1:
        axes.vlines(epochs, low, high, linewidth=4.0, **look)
    else:
        axes.fill_between(epochs, low, high, linewidth=0, **look)


def marked_epochs(
    tables: Tables,
    context: Context,
    table: pd.DataFrame,
    count: int,
    near: Sequence[int] | None = None,
) -> list[int]:
    """The epochs of ``table`` to show: ``context.epochs``, else those nearest to ``near``.

    Where both are None, ``count`` epochs: the first turning points of the last layer's I(X;T), the
    last epoch, and others that fill the gaps.

    Raises ``ValueError`` naming an epoch of ``context.epochs`` that was not measured.
    """
    available = np.unique(table["epoch"].to_numpy())
    if context.epochs is not None:
        missing = sorted(set(context.epochs) - set(available.tolist()))
        if missing:
            raise ValueError(
                f"plot.epochs: epoch {', '.join(map(str, missing))} was not measured; "
                f"{len(available)} epochs from {available[0]} to {available[-1]} were"
            )
        return sorted(set(context.epochs))
    if near is not None:
        return sorted({_nearest(available, epoch) for epoch in near})
    turns = _turning_epochs(tables)
    return spread_epochs(available, count, [e for e in turns if e in available][: count - 1])


def _nearest(available: np.ndarray, epoch: int) -> int:
    """The epoch in ``available`` that is nearest to ``epoch`` on a logarithmic axis."""
    return int(available[np.abs(np.log1p(available) - np.log1p(epoch)).argmin()])


def _turning_epochs(tables: Tables) -> list[int]:
    information = read(tables, "mutual_information")
    if information is None:
        return []
    rows = certified(information, facts(tables))
    if rows.empty:
        return []
    turns = turning_points(of_layer(rows, -1))
    first_peak = next((k for k, turn in enumerate(turns) if turn.peak), 0)
    return [turn.epoch for turn in turns[first_peak:]]


def epoch_name(value: float, _position: int = 0) -> str:
    """The tick label of an epoch."""
    if value < 100:
        return f"{value:g}"
    return rf"$10^{{{round(np.log10(value))}}}$"
