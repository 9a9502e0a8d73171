"""The verdicts of findings as text for a terminal, of a run and of a sweep."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from ib_runner.tables.collect import ALL_RUNS

Row = Mapping[str, object]

WIDTH = 100  # columns of a terminal
UNDECIDED = "undecided"


def in_blocks(rows: Sequence[Row]) -> str:
    """A run's findings, a block of lines for each, its verdict (yes, no) first.

    Undecided findings are one paragraph, with the reasons.
    """
    blocks = []
    for row in rows:
        if row["holds"] == UNDECIDED:
            continue
        blocks.append(_filled(f"{row['holds']:<10}{row['finding']}: {row['measured']}", 0))
        for label, key in (("paper", "expected"), ("why", "why")):
            if row[key]:
                blocks.append(_filled(f"{label}: {row[key]}", 10))
    return "\n".join([*blocks, *_undecided(rows), _counts(rows)])


def of_sweep(rows: Sequence[Row], experiment: str | None = None) -> str:
    """A sweep's findings, a block for each, under headings for groups of runs (``run`` of a row).

    Undecided findings are one paragraph, with the reasons. ``experiment`` is the experiment of all
    runs, if they have the same; headings name it in place of "all".
    """
    parts = []
    for runs, group in groupby(rows, key=lambda row: row["run"]):
        some = list(group)
        lines = [_heading(str(runs), experiment)]
        for row in some:
            if row["holds"] != UNDECIDED:
                said = f"{row['finding']}: {_clean(row['measured'])}"
                lines += [_filled(f"{row['holds']:<10}{said}", 0)]
                lines += (
                    [_filled(f"paper: {_clean(row['expected'])}", 10)] if row["expected"] else []
                )
        lines += _undecided(some)
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, _counts(rows)])


def _undecided(rows: Sequence[Row]) -> list[str]:
    """A paragraph of the undecided ``rows``, by their reasons; none where there are none."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["holds"] == UNDECIDED:
            reasons.setdefault(_clean(row["why"]), []).append(str(row["finding"]))
    said = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
    return [_filled(f"{UNDECIDED}: {said}", 0)] if said else []


def _filled(text: str, indent: int) -> str:
    return textwrap.fill(
        text,
        width=WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counts(rows: Sequence[Row]) -> str:
    counts = Counter(row["holds"] for row in rows)
    summary = ", ".join(f"{counts[word]} {word}" for word in ("yes", "no", UNDECIDED))
    return f"{len(rows)} findings: {summary}"


def _heading(runs: str, experiment: str | None) -> str:
    """``all noise.beta=0.1`` becomes ``szt_tanh noise.beta=0.1`` where that is the experiment."""
    word, space, values = runs.partition(" ")
    return f"{experiment}{space}{values}" if experiment and word == ALL_RUNS else runs


def _clean(cell: object) -> str:
    return " ".join(str(cell).split())
