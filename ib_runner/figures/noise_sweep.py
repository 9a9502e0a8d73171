"""Sweeps over the noise level β (Fig. 4(d), supplement 8.1): trajectories, and compression by β."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from ib_runner.figures.layer_panels import layer_panels
from ib_runner.figures.layer_style import layer_legend, layer_line, layer_name
from ib_runner.figures.over_runs import QUARTILES, draw_band, over_seeds
from ib_runner.figures.style import COLUMN, grow, new_figure, styled
from ib_runner.figures.units import convert
from ib_runner.selections.changes import fall
from ib_runner.selections.context import Runs, Tables, facts, of_run, read
from ib_runner.selections.information import best

#: colours from little to much noise, without the yellow end, which is too pale in print
NOISE_MAP, NOISE_RANGE = "viridis", (0.0, 0.85)
#: shift between two layers' points, as a share of the axis of β, so that bars do not overlap
SHIFT = 0.008
#: the most swept values with a number at their tick; and with points and bars of full size
MOST_NUMBERS, MOST_POINTS = 5, 20


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

    Bars: the certified interval of a single run, or the inter-quartile range over its seeds, as
    the axis says.
    """

    tables_needed = ("mutual_information", "layers")
    keys_needed = ("noise.beta",)

    @styled
    def over_runs(self, tables: Tables, runs: Runs) -> Figure:
        table = best_of_runs(tables, runs)
        context = next(iter(runs.contexts.values()))
        figure = new_figure(COLUMN, 2.15)
        axes = figure.subplots()
        layers, betas = np.unique(table["layer"]), np.unique(table["trained"])
        shift = SHIFT * (np.log(betas[-1] / betas[0]) or 1.0)
        bars = set()
        for above, layer in zip(np.linspace(1.0, 0.0, len(layers))[::-1], layers, strict=True):
            falls = _falls(table[table["layer"] == layer])
            if len(falls):
                bars |= set(falls.pop("bar"))
                factor = float(np.exp(shift * (layer - layers.mean())))
                _draw_falls(axes, convert(falls, context.unit), int(layer), factor, above)
        if not axes.containers:
            axes.text(0.5, 0.5, "a fall needs two measured epochs", ha="center", va="center")
            axes.set_axis_off()
            return figure
        _beta_axis(axes, betas)
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.set_xlabel(rf"noise $\beta$ (bars: {', '.join(sorted(bars))})")
        axes.set_ylabel(f"fall of $I(X;T_\\ell)$ [{context.unit}]")
        grow(figure, layer_legend(axes))
        return figure


def best_of_runs(tables: Tables, runs: Runs) -> pd.DataFrame:
    """Each run's best values at its own noise; ``trained`` is the swept ``noise.beta``.

    Raises ``ValueError`` where no run has estimates at its own noise.
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
    """H(X) in nats, the largest of all runs, which usually have the same inputs."""
    there = [of_run(tables, run) for run in runs.contexts]
    return max(facts(one).h_x for one in there if len(one("layers")))


def _falls(rows: pd.DataFrame) -> pd.DataFrame:
    """``low``, ``middle`` and ``high`` of one layer's fall by β, for runs with two epochs."""
    found = []
    for beta, of_beta in rows.groupby("trained"):
        falls = [
            fall(one.reset_index(drop=True)) for _, one in of_beta.groupby("run") if len(one) > 1
        ]
        if not falls:
            continue
        middles = [one.middle for one in falls]
        if len(falls) == 1:
            low, high, bar = falls[0].low, falls[0].high, "certified interval"
        else:
            low, high = np.quantile(middles, QUARTILES)
            bar = "quartiles over seeds"
        middle = np.median(middles)
        found.append({"beta": beta, "low": low, "middle": middle, "high": high, "bar": bar})
    return pd.DataFrame(found, columns=["beta", "low", "middle", "high", "bar"]).set_index("beta")


def _beta_axis(axes: Axes, betas: np.ndarray) -> None:
    """A logarithmic axis with a tick at every swept value and numbers that don't overlap."""
    axes.set_xscale("log")
    axes.set_xlim(betas[0] / 2, betas[-1] * 2) if len(betas) == 1 else axes.margins(x=0.06)
    numbered = apart(betas, MOST_NUMBERS)
    axes.xaxis.set_major_locator(FixedLocator(numbered))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda beta, _: f"{beta:.3g}"))
    axes.xaxis.set_minor_locator(FixedLocator([beta for beta in betas if beta not in numbered]))
    axes.xaxis.set_minor_formatter(NullFormatter())


def apart(betas: np.ndarray, most: int) -> list[float]:
    """At most ``most`` of the sorted ``betas``, far enough apart on a logarithmic axis for numbers.

    The first and the last are always included.
    """
    room = np.log(betas[-1] / betas[0]) / most
    chosen = [float(betas[0])]
    for beta in betas[1:-1]:
        if min(np.log(beta / chosen[-1]), np.log(betas[-1] / beta)) >= room:
            chosen.append(float(beta))
    return chosen if len(betas) == 1 else [*chosen, float(betas[-1])]


def _draw_falls(axes: Axes, falls: pd.DataFrame, layer: int, factor: float, above: float) -> None:
    """One layer's falls by β, its points shifted by ``factor``.

    ``above`` is 0 for the layer that is drawn first, below the others, and 1 for the last.
    """
    lower, upper = falls["middle"] - falls["low"], falls["high"] - falls["middle"]
    line, crowded = layer_line(layer), len(falls) > MOST_POINTS
    # coinciding points of several layers show as rings, and so do lines where points are many
    size = 3.6 - 2.4 * above if crowded else 2 + line["linewidth"]
    axes.errorbar(
        falls.index * factor,
        falls["middle"],
        yerr=[lower.clip(lower=0), upper.clip(lower=0)],
        color=line["color"],
        label=layer_name(layer),
        marker="o",
        markersize=size,
        linewidth=2.0 - 1.6 * above if crowded else 1.0,
        elinewidth=0.3 if crowded else 1.0,
        capsize=0 if crowded else 2,
    )
