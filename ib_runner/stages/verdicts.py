"""The verdicts of findings as text for a terminal, of a run and of a sweep."""

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ib_runner.findings.paired import EXPERIMENT
from ib_runner.tables.collect import ALL_RUNS

Row = Mapping[str, object]

WIDTH = 100  # columns of a terminal
UNDECIDED = "undecided"
#: groups of runs of one experiment whose findings are printed in full; groups named in a line
MOST_IN_FULL, MOST_NAMED = 3, 3


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


def of_sweep(rows: Sequence[Row], keys: Sequence[str] = (), experiment: str | None = None) -> str:
    """A sweep's findings, a block for each, under headings for groups of runs (``run`` of a row).

    ``keys`` are the swept keys. Where an experiment has more than ``MOST_IN_FULL`` groups, a line
    for each finding counts them. ``experiment`` is the experiment of all runs, if they have the
    same; headings name it in place of "all".
    """
    parts, folded = [], False
    of_experiment = [key for key in keys if key in EXPERIMENT]
    for values, some in _by(rows, lambda row: _assigned(row, of_experiment)).items():
        groups = _by(some, lambda row: str(row["run"]))
        if len(groups) > MOST_IN_FULL:
            together = groups.pop(ALL_RUNS, [])
            apart = [key for key in keys if key not in (*EXPERIMENT, "seed")]
            head = " ".join(filter(None, [ALL_RUNS, values]))
            parts.append(_folded(_heading(head, experiment), groups, apart))
            folded, groups = True, {ALL_RUNS: together} if together else {}
        parts += [_in_full(_heading(runs, experiment), one) for runs, one in groups.items()]
    note = [_filled("run=FOLDER/RUN prints the findings of one run in full.", 0)] if folded else []
    return "\n\n".join([*parts, "\n".join([*note, _counts(rows)])])


def _by(rows: Sequence[Row], value_of: Callable[[Row], str]) -> dict[str, list[Row]]:
    """The ``rows`` by their value, in the order in which the values appear."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(value_of(row), []).append(row)
    return found


def _assigned(row: Row, keys: Sequence[str]) -> str:
    return " ".join(f"{key}={row[key]}" for key in keys if row.get(key) is not None)


def _in_full(heading: str, rows: Sequence[Row]) -> str:
    lines = [heading]
    for row in rows:
        if row["holds"] != UNDECIDED:
            said = f"{row['finding']}: {_clean(row['measured'])}"
            lines += [_filled(f"{row['holds']:<10}{said}", 0)]
            lines += [_filled(f"paper: {_clean(row['expected'])}", 10)] if row["expected"] else []
    return "\n".join([*lines, *_undecided(rows)])


def _folded(heading: str, groups: Mapping[str, Sequence[Row]], apart: Sequence[str]) -> str:
    """A line for each finding: for how many of ``groups`` it holds, and for which it does not.

    The groups differ in their values of the keys ``apart``.
    """
    lines = [
        f"{heading}: {len(groups)} values of {', '.join(apart)}",
        "  yes   no  undecided",
    ]
    untold = []
    rows = [row for group in groups.values() for row in group]
    for finding, some in _by(rows, lambda row: str(row["finding"])).items():
        of = _by(some, lambda row: str(row["holds"]))
        yes, no, undecided = (len(of.get(word, ())) for word in ("yes", "no", UNDECIDED))
        if not yes + no:
            untold.append(some[0])
            continue
        lines.append(f"{yes:>5}{no:>5}{undecided:>11}  {finding}")
        for word in ("no", UNDECIDED):
            if word in of:
                values = _first([_assigned(row, apart) for row in of[word]])
                lines.append(_filled(f"{word}: {values}", len("  yes   no  undecided  ")))
    return "\n".join([*lines, *_undecided(untold)])


def _first(values: Sequence[str]) -> str:
    """The first few ``values``, and how many more there are."""
    more = len(values) - MOST_NAMED
    named = ", ".join(values[:MOST_NAMED])
    return f"{named} and {more} more" if more > 0 else named


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
