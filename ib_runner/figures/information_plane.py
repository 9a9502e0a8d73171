"""The information plane: I(X;T_ℓ) against I(Y;T_ℓ) as training goes on, a path for each layer."""

from functools import partial

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
#: markers at the informative end of one-sided intervals of I(X;T), pointing to where I(X;T) is
BOUNDS = {
    "lower": {"marker": ">", "markersize": 3},
    "upper": {"marker": "<", "markersize": 3},
}
DOTS = {"": {"s": 6}, "lower": {"marker": ">", "s": 9}, "upper": {"marker": "<", "s": 9}}
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
        """Whether I(Y;T) was measured, and I(X;T) has at least one informative end."""
        layers = facts(tables)
        return len(_at_bounds(about_both(tables("mutual_information"), layers), layers)) > 0

    @styled
    def __call__(self, tables: Tables, context: Context) -> Figure:
        table = tables("mutual_information")
        measured = facts(tables)
        rows = about_both(table, measured)
        columns = [c for c in rows.columns if c not in ("layer", "epoch")]
        rows = _at_bounds(rows, measured)
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
            Line2D(
                [],
                [],
                color=GREY,
                linestyle="none",
                label=f"{side} bound of $I(X;T)$ alone",
                **look,
            )
            for side, look in BOUNDS.items()
            if (rows["side"] == side).any()
        ]
        make = partial(figure.legend, loc="outside upper center", handletextpad=0.2)
        in_rows(make, ends, figure)
        bar.outline.set_linewidth(0.6)
        return figure


def _at_bounds(rows: pd.DataFrame, layers: Layers) -> pd.DataFrame:
    """``rows`` with ``side``, the informative end of a one-sided interval of I(X;T), and ``mi_x``
    at that end; rows whose interval is [0, H] are left out.
    """
    ends = rows.rename(columns={"lower_x": "lower", "upper_x": "upper"})
    side = one_sided(ends, layers)
    mi = rows["mi_x"].where(side == "", ends["lower"].where(side == "lower", ends["upper"]))
    return rows.assign(mi_x=mi, side=side)[side != "none"]


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
    whole = rows[rows["side"] == ""]
    boxes = [
        Rectangle((one.lower_x, one.lower_y), one.upper_x - one.lower_x, one.upper_y - one.lower_y)
        for one in whole.dropna(subset=["lower_x", "lower_y"]).itertuples()
    ]
    axes.add_collection(PatchCollection(boxes, facecolor=GREY, alpha=0.3, linewidth=0))
    points = rows[["mi_x", "mi_y"]].to_numpy()
    lines = np.stack([points[:-1], points[1:]], axis=1)
    path = LineCollection(lines, cmap=EPOCH_MAP, norm=norm, linewidth=0.8)
    path.set_array(rows["epoch"].to_numpy()[1:])
    axes.add_collection(path)
    for side, of_side in rows.groupby("side"):
        dots = of_side[["mi_x", "mi_y"]].to_numpy().T
        look = {"cmap": EPOCH_MAP, "norm": norm, "linewidths": 0, "zorder": 3, **DOTS[side]}
        axes.scatter(*dots, c=of_side["epoch"], **look)
    for (x, y), epoch, look in zip(
        points[[0, -1]], rows["epoch"].iloc[[0, -1]], (FIRST, LAST), strict=True
    ):
        axes.plot(x, y, color=EPOCH_MAP(norm(epoch)), zorder=4, **look)
