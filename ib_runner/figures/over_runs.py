"""Runs of a sweep taken together: those that differ in their seed alone, as a median and a band."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ib_runner.figures.epoch_axis import draw_interval, marker
from ib_runner.selections.context import Runs, Tables

#: edges of the band: the inter-quartile range
QUARTILES = (0.25, 0.75)
#: the paper's symbols for swept keys
SYMBOLS = {"noise.beta": r"$\beta$", "regularizer.alpha": r"$\alpha$"}


def seed_groups(tables: Tables, runs: Runs) -> dict[tuple[object, ...], list[str]]:
    """The runs' names by their swept values but the seed, in the runs' order."""
    apart = [key for key in runs.keys if key != "seed"]
    values = tables("training").drop_duplicates("run").set_index("run")[apart]
    groups: dict[tuple[object, ...], list[str]] = {}
    for run in runs.contexts:
        if run in values.index:
            groups.setdefault(tuple(values.loc[run]), []).append(run)
    return groups


def group_name(keys: tuple[str, ...], values: tuple[object, ...]) -> str:
    """The name of a group: an experiment's name, other values with their key."""
    apart = [key for key in keys if key != "seed"]
    names = [
        str(value) if key == "exp" else f"{SYMBOLS.get(key, key)} = {value}"
        for key, value in zip(apart, values, strict=True)
    ]
    return ", ".join(names)


def spread_of(count: int) -> str:
    """The legend's words for a group of ``count`` runs that differ in their seed only."""
    return "1 seed" if count == 1 else f"{count} seeds"


def over_seeds(rows: pd.DataFrame, column: str, x: str = "epoch") -> pd.DataFrame:
    """``low``, ``median`` and ``high`` of ``column`` over runs, by ``x``, where all have it."""
    by_run = rows.pivot_table(index=x, columns="run", values=column).dropna()
    low, high = (by_run.quantile(q, axis="columns") for q in QUARTILES)
    return pd.DataFrame({"low": low, "median": by_run.median(axis="columns"), "high": high})


def draw_band(axes: Axes, band: pd.DataFrame, label: str | None, **style: Any) -> None:
    """The median as a line and the inter-quartile range around it."""
    draw_interval(axes, band.index, band["low"], band["high"], color=style["color"], alpha=0.25)
    axes.plot(band.index, band["median"], label=label, marker=marker(band), **style)


def layout(count: int, columns: int) -> tuple[int, int]:
    """Rows and columns for ``count`` panels, at most ``columns`` of them side by side."""
    n_columns = min(count, columns)
    return -(-count // n_columns), n_columns
