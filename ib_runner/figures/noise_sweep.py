"""Sweeps over the noise level β (Fig. 4(d), supplement 8.1): trajectories, and compression by β."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.layer_panels import layer_panels
from ib_runner.figures.layers import layer_legend, layer_line, layer_name
from ib_runner.figures.over_runs import draw_band, over_seeds
from ib_runner.figures.style import COLUMN, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.selections.changes import fall
from ib_runner.selections.context import Runs, Tables, facts, of_run, read
from ib_runner.selections.information import best

#: from few to much noise, without the yellow end that paper swallows
NOISE_MAP, NOISE_RANGE = "viridis", (0.0, 0.85)
#: relative shift of a layer's points along the axis of β, that bars do not overlap
SHIFT = 0.02


class InformationByNoise:
    """I(X;T_ℓ) over epochs, a panel for each layer, a line for each β, a band over its seeds."""

    tables_needed = ("mutual_information", "layers")
    keys_needed = ("noise.beta",)

    @styled
    def over_runs(self, tables: Tables, runs: Runs) -> Figure:
        table = best_of_runs(tables, runs)
        context = next(iter(runs.contexts.values()))
        betas = np.unique(table["trained"])
        colours = colormaps[NOISE_MAP](np.linspace(*NOISE_RANGE, len(betas)))

        def draw(axes: Axes, layer: int) -> None:
            for beta, colour in zip(betas, colours, strict=True):
                rows = table[(table["layer"] == layer) & (table["trained"] == beta)]
                band = convert(over_seeds(rows, "mi"), context.unit)
                draw_band(axes, band, f"{beta:g}", color=colour, linewidth=1.0)

        return layer_panels(
            np.unique(table["layer"]),
            draw,
            r"$I(X;T_\ell)$",
            r"noise $\beta$",
            int(table["epoch"].max()),
            _h_x(tables, runs),
            context.unit,
        )


class CompressionByNoise:
    """The fall of I(X;T_ℓ) from its peak to the end against β, a line for each layer.

    Bars: the certified interval of a single run, or the inter-quartile range over its seeds.
    """

    tables_needed = ("mutual_information", "layers")
    keys_needed = ("noise.beta",)

    @styled
    def over_runs(self, tables: Tables, runs: Runs) -> Figure:
        table = best_of_runs(tables, runs)
        context = next(iter(runs.contexts.values()))
        figure = new_figure(COLUMN, 2.3)
        axes = figure.subplots()
        layers = np.unique(table["layer"])
        for layer in layers:
            falls = convert(_falls(table[table["layer"] == layer]), context.unit)
            if len(falls):
                _draw_falls(axes, falls, int(layer), SHIFT * (layer - layers.mean()))
        if not axes.containers:
            axes.text(0.5, 0.5, "a fall needs two measured epochs", ha="center", va="center")
            axes.set_axis_off()
            return figure
        axes.set_xscale("log")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.set_xlabel(r"noise $\beta$")
        axes.set_ylabel(f"fall of $I(X;T_\\ell)$, peak to end [{context.unit}]")
        layer_legend(axes)
        return figure


def best_of_runs(tables: Tables, runs: Runs) -> pd.DataFrame:
    """Each run's best values at its own noise; ``trained`` is the swept ``noise.beta``.

    Raises ``ValueError`` where no run has any.
    """
    frames = []
    for run in runs.contexts:
        own = of_run(tables, run)
        if read(own, "layers") is None or own("layers").empty:
            continue
        rows = best(own("mutual_information"), facts(own))
        if len(rows):
            frames.append(rows.assign(trained=rows["noise.beta"].astype(float)))
    if not frames:
        raise ValueError("no run has estimates of I(X;T) at the noise it was trained with")
    return pd.concat(frames, ignore_index=True)


def _h_x(tables: Tables, runs: Runs) -> float:
    """H(X), nats: the largest of the runs', which have the same inputs as a rule."""
    there = [of_run(tables, run) for run in runs.contexts]
    return max(facts(one).h_x for one in there if len(one("layers")))


def _falls(rows: pd.DataFrame) -> pd.DataFrame:
    """``low``, ``middle`` and ``high`` of one layer's fall, by β; of runs with two epochs."""
    found = []
    for beta, of_beta in rows.groupby("trained"):
        falls = [
            fall(one.reset_index(drop=True)) for _, one in of_beta.groupby("run") if len(one) > 1
        ]
        if not falls:
            continue
        middles = [one.middle for one in falls]
        if len(falls) == 1:
            low, high = falls[0].low, falls[0].high
        else:
            low, high = np.quantile(middles, (0.25, 0.75))
        found.append({"beta": beta, "low": low, "middle": np.median(middles), "high": high})
    return pd.DataFrame(found, columns=["beta", "low", "middle", "high"]).set_index("beta")


def _draw_falls(axes: Axes, falls: pd.DataFrame, layer: int, shift: float) -> None:
    below, above = falls["middle"] - falls["low"], falls["high"] - falls["middle"]
    axes.errorbar(
        falls.index * (1 + shift),
        falls["middle"],
        yerr=[below.clip(lower=0), above.clip(lower=0)],
        color=layer_line(layer)["color"],
        label=layer_name(layer),
        marker="o",
        markersize=3,
        linewidth=1.0,
        elinewidth=1.0,
        capsize=2,
    )
