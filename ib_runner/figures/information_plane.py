"""The information plane: I(X;T_ℓ) against I(Y;T_ℓ) as training goes on, a path for each layer."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ib_runner.figures.epoch_axis import epoch_name, epoch_ticks
from ib_runner.figures.layer_style import layer_name
from ib_runner.figures.legends import in_rows
from ib_runner.figures.over_runs import layout
from ib_runner.figures.style import COLUMN, GREY, PAGE, bar_aspect, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.selections.context import Context, Tables, facts
from ib_runner.selections.information import about_both, binned_widths, one_sided
from ib_runner.tables.layers import Layers

#: colours of epochs, without the yellow end, which is too pale in print
EPOCH_MAP = LinearSegmentedColormap.from_list(
    "epochs", colormaps["viridis"](np.linspace(0.0, 0.9, 256))
)
FIRST = {"marker": "o", "markerfacecolor": "white", "markersize": 4.5}
LAST = {"marker": "s", "markersize": 4}
#: signs by the informative end of a one-sided interval: where the value is from there
SIGNS = {"": 0, "lower": 1, "upper": -1}
#: length, in points, of the arrow at the first and the last epoch's one-sided interval
_ARROW = 14
#: layers whose points stay within this share of an axis share a panel
STILL = 0.03


class InformationPlane:
    """A panel for each layer: joined points, one per epoch, with certified intervals as boxes.

    For a network without noise: binned information, I(X;Bin(T_ℓ)) against I(Y;Bin(T_ℓ)).
    """

    tables_needed = ("mutual_information", "layers")
    #: targets that the table mutual_information must have
    targets_needed = ("x", "y")

    shows = "I(Y;T) beside I(X;T), as of measurement.mutual_information.targets=[x,y]"

    def applies(self, tables: Tables, context: Context) -> bool:
        """Whether I(Y;T) was measured, and both have at least one informative end."""
        layers = facts(tables)
        return len(_placed(about_both(tables("mutual_information"), layers), layers)) > 0

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("mutual_information")
        measured = facts(tables)
        rows = about_both(table, measured)
        columns = [c for c in rows.columns if c not in ("layer", "epoch")]
        rows = _placed(rows, measured)
        rows = rows.assign(**{c: convert(rows[c], context.unit) for c in columns})
        groups = _panels(rows)
        n_rows, n_columns = layout(len(groups), 3)
        figure = new_figure(COLUMN if n_columns == 1 else PAGE, 0.4 + 1.9 * n_rows)
        panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True).ravel()
        last = int(rows["epoch"].max())
        norm = SymLogNorm(1, 0.6, vmin=0, vmax=max(1, last))
        for axes, layers in zip(panels, groups, strict=False):
            for layer in layers:
                _draw_path(axes, rows[rows["layer"] == layer].sort_values("epoch"), norm)
            several = f"layers {layers[0]} to {layers[-1]}"
            axes.set_title(several if len(layers) > 1 else layer_name(layers[0]), pad=3)
        for axes in panels[len(groups) :]:
            axes.remove()
        for axes in panels[max(0, len(groups) - n_columns) : len(groups)]:
            axes.tick_params(labelbottom=True)  # the lowest panel of its column
        representation, bins = r"T_\ell", ""
        if not measured.gaussian:
            representation = r"\mathrm{Bin}(T_\ell)"
            widths = ", ".join(f"{width:g}" for width in binned_widths(table))
            bins = widths and f", bins of width {widths}"
        figure.supxlabel(f"$I(X;{representation})$ [{context.unit}]{bins}", fontsize="medium")
        figure.supylabel(f"$I(Y;{representation})$ [{context.unit}]", fontsize="medium")
        bar = figure.colorbar(
            ScalarMappable(norm, EPOCH_MAP),
            ax=list(panels[: len(groups)]),
            pad=0.01,
            aspect=bar_aspect(figure),
        )
        bar.set_label("epoch")
        ticks = epoch_ticks(last)
        bar.set_ticks(ticks, labels=[epoch_name(tick) for tick in ticks])
        bar.minorticks_off()
        ends = [
            Line2D([], [], color=GREY, linestyle="none", label=f"{name} epoch", **look)
            for name, look in (("first", FIRST), ("last", LAST))
        ]
        ends += [
            Line2D([], [], color=GREY, linestyle="none", label=label, **look)
            for label, look in _bounds_alone(rows).items()
        ]
        make = partial(figure.legend, loc="outside upper center", handletextpad=0.2)
        in_rows(make, ends, figure)
        bar.outline.set_linewidth(0.6)
        return figure


def _placed(rows: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """``rows`` with the place of each point, ``mi_x`` and ``mi_y``, and signs ``to_x``, ``to_y``.

    A point lies at the estimate, without one in the middle of its interval; and at the informative
    end of a one-sided interval, of which the sign tells on which side the value is. Rows where an
    interval is [0, H] are left out.
    """
    known = pd.Series(True, index=rows.index)
    for target in ("x", "y"):
        mi, lower, upper = (rows[f"{name}_{target}"] for name in ("mi", "lower", "upper"))
        side = one_sided(pd.DataFrame({"lower": lower, "upper": upper}), layers, target)
        mi = mi.fillna((lower + upper) / 2).mask(side == "lower", lower)
        rows = rows.assign(
            **{f"mi_{target}": mi.mask(side == "upper", upper), f"to_{target}": side.map(SIGNS)}
        )
        known &= side != "none"
    return rows[known]


def _pointing(to_x: int, to_y: int, size: float) -> dict[str, Any]:
    """A triangle that points to where the value is, for signs as of ``_placed``; else a dot."""
    if not (to_x or to_y):
        return {"marker": "o", "markersize": 0.6 * size}
    degrees = np.degrees(np.arctan2(to_y, to_x)) - 90.0  # a triangle points up
    return {"marker": (3, 0, degrees), "markersize": size}


def _bounds_alone(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The key's entries for one-sided intervals in ``rows``, with their marker."""
    entries = {}
    for to_x, to_y in rows[["to_x", "to_y"]].drop_duplicates().itertuples(index=False):
        ends = [
            f"{'lower' if sign > 0 else 'upper'} bound of $I({name};T)$"
            for name, sign in (("X", to_x), ("Y", to_y))
            if sign
        ]
        if ends:
            entries[f"{' and '.join(ends)} alone"] = _pointing(to_x, to_y, 4)
    return entries


def _panels(rows: pd.DataFrame) -> list[list[int]]:
    """The layers of each panel: one layer, or several that stay in the same place."""
    ends = rows[["mi_x", "mi_y"]]
    spread = (ends.max() - ends.min()).replace(0, 1)
    groups: list[list[int]] = []
    for layer in np.unique(rows["layer"]):
        known = [*groups[-1], layer] if groups else [layer]
        points = ends[rows["layer"].isin(known)]
        if groups and ((points.max() - points.min()) / spread < STILL).all():
            groups[-1].append(int(layer))
        else:
            groups.append([int(layer)])
    return groups


def _draw_path(axes: Axes, rows: pd.DataFrame, norm: SymLogNorm) -> None:
    _draw_intervals(axes, rows.dropna(subset=["lower_x", "lower_y"]))
    points = rows[["mi_x", "mi_y"]].to_numpy()
    lines = np.stack([points[:-1], points[1:]], axis=1)
    path = LineCollection(lines, cmap=EPOCH_MAP, norm=norm, linewidth=0.8)
    path.set_array(rows["epoch"].to_numpy()[1:])
    axes.add_collection(path)
    for (to_x, to_y), of_side in rows.groupby(["to_x", "to_y"]):
        look = _pointing(to_x, to_y, 4)
        axes.scatter(
            of_side["mi_x"],
            of_side["mi_y"],
            s=look["markersize"] ** 2,
            c=of_side["epoch"],
            marker=look["marker"],
            cmap=EPOCH_MAP,
            norm=norm,
            linewidths=0,
            zorder=3,
        )
    for one, look in zip(rows.iloc[[0, -1]].itertuples(), (FIRST, LAST), strict=True):
        color = EPOCH_MAP(norm(one.epoch))
        axes.plot(one.mi_x, one.mi_y, color=color, zorder=4, **look)
        if one.to_x or one.to_y:  # the mark of the first or last epoch covers a triangle
            axes.annotate(
                "",
                xy=(one.mi_x, one.mi_y),
                xytext=(_ARROW * one.to_x, _ARROW * one.to_y),
                textcoords="offset points",
                arrowprops={"arrowstyle": "<|-", "color": color, "mutation_scale": 6, "shrinkB": 2},
            )


def _draw_intervals(axes: Axes, rows: pd.DataFrame) -> None:
    """Boxes; a line where the interval of one information is one-sided, and nothing of both."""
    boxes, lines = [], []
    for one in rows.itertuples():
        if not (one.to_x or one.to_y):
            size = one.upper_x - one.lower_x, one.upper_y - one.lower_y
            boxes.append(Rectangle((one.lower_x, one.lower_y), *size))
        elif not one.to_y:
            lines.append([(one.mi_x, one.lower_y), (one.mi_x, one.upper_y)])
        elif not one.to_x:
            lines.append([(one.lower_x, one.mi_y), (one.upper_x, one.mi_y)])
    axes.add_collection(PatchCollection(boxes, facecolor=GREY, alpha=0.3, linewidth=0))
    if lines:
        axes.add_collection(LineCollection(lines, colors=GREY, alpha=0.6, linewidth=1.2))
