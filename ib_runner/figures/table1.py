"""Table 1: errors of each condition, mean and standard deviation over seeds, beside the paper's."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ib_runner.figures.style import GREY, PAGE, colour, new_figure, styled
from ib_runner.selections.context import Runs, Tables
from ib_runner.selections.misclassified import errors_by_condition
from ib_runner.selections.table1 import TABLE_1

OURS = {"color": colour(0), "marker": "o", "markersize": 4}
PAPERS = {"color": GREY, "marker": "D", "markersize": 3.5}


class Table1:
    """A row for each condition of the sweep, at the last epoch that all of its runs have."""

    tables_needed = ("training", "layers")

    @styled
    def over_runs(self, tables: Tables, runs: Runs) -> Figure:
        epoch, errors = errors_by_condition(tables, runs.contexts)
        figure = new_figure(PAGE, 0.75 + 0.3 * len(errors))
        axes, words = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
        for row, (condition, one) in enumerate(errors.items()):
            _draw(axes, row, one)
            words.text(0.0, row, _in_words(one), va="center")
            if condition in TABLE_1:
                paper = TABLE_1[condition]
                axes.errorbar(paper.mean, row + 0.18, xerr=paper.sd, capsize=2, **PAPERS)
                reported = f"{paper.mean:g} ± {_two_digits(paper.sd)}"
                words.text(0.6, row, reported, va="center", color=GREY)
        words.text(0.0, -0.9, f"here, epoch {epoch}", va="center", color=OURS["color"])
        words.text(0.6, -0.9, "paper, epoch 128", va="center", color=GREY)
        words.set_xlim(0, 1)
        words.axis("off")
        axes.set_yticks(range(len(errors)), map(str, errors))
        axes.set_ylim(len(errors) - 0.5, -1.3)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("errors on the test inputs: seeds, mean ± standard deviation")
        return figure


def _draw(axes: Axes, row: int, errors: pd.Series) -> None:
    axes.plot(errors, [row - 0.18] * len(errors), ".", color=OURS["color"], markersize=3, alpha=0.5)
    spread = errors.std() if len(errors) > 1 else None
    axes.errorbar(errors.mean(), row - 0.18, xerr=spread, capsize=2, **OURS)


def _in_words(errors: pd.Series) -> str:
    spread = f" ± {_two_digits(errors.std())}" if len(errors) > 1 else ""
    mean = errors.mean()
    shown = f"{mean:.0f}" if mean >= 100 else f"{mean:.3g}"
    return f"{shown}{spread} (n = {len(errors)})"


def _two_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
