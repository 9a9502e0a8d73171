"""Findings as text: of a run in blocks, of a sweep in tables that are Markdown as well."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby

import pandas as pd

from ib_runner.findings.finding import NOTHING
from ib_runner.tables.collect import ALL_RUNS

Row = Mapping[str, object]

HEADINGS = ("finding", "expected in the paper", "measured", "holds")


def in_blocks(rows: Sequence[Row]) -> str:
    """As wide as a terminal: a block for each finding, its verdict first."""
    blocks = []
    for row in rows:
        blocks.append(f"{row['holds']:<9} {row['finding']}: {row['measured']}")
        for label, key in (("paper", "expected"), ("why", "why")):
            if row[key]:
                blocks.append(
                    textwrap.fill(
                        f"{label}: {row[key]}",
                        width=110,
                        initial_indent=" " * 10,
                        subsequent_indent=" " * 12,
                    )
                )
    counts = pd.Series([row["holds"] for row in rows]).value_counts()
    summary = ", ".join(f"{counts.get(word, 0)} {word}" for word in ("yes", "no", "undecided"))
    return "\n".join([*blocks, f"{len(rows)} findings: {summary}"])


def in_tables(rows: Sequence[Row], experiment: str | None = None) -> str:
    """A table for all rows with the same ``run`` (all of one noise level, say), under its name.

    ``experiment``: the one that all runs are of, named in place of "all". The columns are aligned,
    and no cell has a line break or a bar: Markdown reads it too.
    """
    parts = []
    for runs, group in groupby(rows, key=lambda row: row["run"]):
        lines = [HEADINGS, *(_cells(row) for row in group)]
        table = _table([[_clean(cell) for cell in line] for line in lines])
        parts.append(f"{_heading(str(runs), experiment)}\n\n{table}")
    return "\n\n".join(parts)


def _heading(runs: str, experiment: str | None) -> str:
    """``all noise.beta=0.1`` becomes ``szt_tanh noise.beta=0.1`` where that is the experiment."""
    word, space, values = runs.partition(" ")
    return f"{experiment}{space}{values}" if experiment and word == ALL_RUNS else runs


def _cells(row: Row) -> list[object]:
    """Where the runs don't tell, the reason stands in for what was measured."""
    measured = row["why"] if row["measured"] == NOTHING else row["measured"]
    return [row["finding"], row["expected"], measured, row["holds"]]


def _table(cells: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _clean(cell: object) -> str:
    return " ".join(str(cell).split()).replace("|", "\\|")
