"""Table 1: errors of each condition, mean and standard deviation over seeds, beside the paper's."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ib_runner.figures.style import COLUMN, GREY, PAGE, colour, new_figure, small, styled
from ib_runner.selections.context import Runs, Tables
from ib_runner.selections.misclassified import errors_by_condition
from ib_runner.selections.table1 import TABLE_1, Errors

OURS = {"color": colour(0), "marker": "o", "markersize": 4}
PAPERS = {"color": GREY, "marker": "D", "markersize": 3.5}
#: ours above a row's middle and the paper's below it, in rows
HALF = 0.21


class Table1:
    """A row for each condition of the sweep, at the last epoch that all of its runs have."""

    tables_needed = ("training", "layers")

    @styled
    def over_runs(self, tables: Tables, runs: Runs) -> Figure:
        epoch, errors = errors_by_condition(tables, runs.contexts)
        height = 0.85 + 0.34 * len(errors)
        figure = new_figure(PAGE, height)
        figure.set_figheight(height)  # a row takes two lines of text at any width
        axes = figure.subplots()
        for row, (condition, one) in enumerate(errors.items()):
            _draw(axes, row, one)
            if condition in TABLE_1:
                _draw_papers(axes, row, TABLE_1[condition])
        axes.set_yticks(range(len(errors)), map(str, errors))
        axes.set_ylim(len(errors) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=_steps(figure, axes)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        figure.supxlabel("test errors: seeds, mean ± standard deviation", fontsize="medium")
        key = [
            Line2D([], [], label=f"here, epoch {epoch}", linestyle="", **OURS),
            Line2D([], [], label="paper, epoch 128", linestyle="", **PAPERS),
        ]
        figure.legend(handles=key, loc="outside upper center", ncols=2, handletextpad=0.2)
        return figure


def _draw(axes: Axes, row: int, errors: pd.Series) -> None:
    height = row - HALF
    axes.plot(errors, [height] * len(errors), ".", color=OURS["color"], markersize=3, alpha=0.5)
    spread = errors.std() if len(errors) > 1 else None
    axes.errorbar(errors.mean(), height, xerr=spread, capsize=2, **OURS)
    _say(axes, height, _in_words(errors), OURS["color"])


def _draw_papers(axes: Axes, row: int, paper: Errors) -> None:
    height = row + HALF
    axes.errorbar(paper.mean, height, xerr=paper.sd, capsize=2, **PAPERS)
    _say(axes, height, f"{paper.mean:g} ± {_two_digits(paper.sd)}", PAPERS["color"])


def _say(axes: Axes, height: float, words: str, colour: str) -> None:
    """Write ``words`` to the right of ``axes``, a fixed distance off: the layout leaves room."""
    axes.annotate(
        words,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=colour,
        fontsize=small(),
    )


def _steps(figure: Figure, axes: Axes) -> tuple[int, ...]:
    """Where ticks stand in a decade, so that their numbers do not overlap on a narrow figure."""
    lowest, highest = axes.get_xlim()
    narrow = figure.get_figwidth() < PAGE - COLUMN / 2
    return (1,) if narrow and highest > 10 * lowest else (1, 2, 5)


def _in_words(errors: pd.Series) -> str:
    spread = f" ± {_two_digits(errors.std())}" if len(errors) > 1 else ""
    mean = errors.mean()
    shown = f"{mean:.0f}" if mean >= 100 else f"{mean:.3g}"
    return f"{shown}{spread} (n = {len(errors)})"


def _two_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
