"""``ib-run list``: the runs and sweeps under the output root, one a row."""

import os
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ib_runner.errors import IbRunError, UsageError
from ib_runner.runs.about import About, about_run, about_sweep, in_words
from ib_runner.runs.find import DAMAGED, UNREADABLE, Found, find_all
from ib_runner.runs.folder import STATES, Run
from ib_runner.runs.sweep_folder import read_sweep
from ib_runner.wording import counted, near_miss, one_of

HEADER = (
    *("path", "experiment", "state", "epochs", "accuracy"),
    *("settings", "trained", "size", "figures", "measured"),
)
#: columns from ``settings`` on, which follow in a line of their own where the row is too wide
N_FIRST = HEADER.index("settings")


def list_runs(
    output_root: str,
    experiment: str | None = None,
    state: str | None = None,
    width: int | None = None,
) -> str:
    """A table of all runs and sweeps, oldest first; of one ``experiment`` or ``state`` where given.

    Folders with damaged files have the state ``damaged``, those that may not be read
    ``unreadable``. A sweep matches ``state`` where one of its runs does; its accuracy is the mean
    over its runs. Where the rows are wider than ``width`` characters, the settings and what is
    there follow below each row, and the experiment is left to the path; where that is too wide
    still, the folder that the paths begin with is said once, above them.
    """
    known = (*STATES, DAMAGED, UNREADABLE)
    if state is not None and state not in known:
        raise UsageError(f"state={state}: needs {one_of(known)}.{near_miss(str(state), known)}")
    if not Path(output_root).is_dir():
        raise UsageError(f"output_root={output_root}: no such folder.")
    rows: list[tuple[str, ...]] = [HEADER]
    for found in find_all(output_root):
        states = found.states
        if (experiment is None or found.path.parent.name == experiment) and (
            state is None or state in states
        ):
            rows.append(_row(found, states))
    lines = _columns(rows)
    if width is None or max(map(len, lines)) <= width:
        return "\n".join(lines)
    return "\n".join(_narrow(rows, width))


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _narrow(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    first = _columns([row[:N_FIRST] for row in rows])
    if max(map(len, first)) > width:
        first = _columns([(row[0], *row[2:N_FIRST]) for row in rows])
    lines = []
    if max(map(len, first)) > width and len(rows) > 1:
        folder = os.path.commonpath([Path(path).parent.parent for path, *_ in rows[1:]])
        cut = [(os.path.relpath(row[0], folder), *row[2:N_FIRST]) for row in rows[1:]]
        first = _columns([(rows[0][0], *rows[0][2:N_FIRST]), *cut])
        lines = textwrap.wrap(f"in {folder}:", width, break_on_hyphens=False)
    lines.append(first[0])
    for line, (settings, seconds, size, figures, tables) in zip(
        first[1:], (row[N_FIRST:] for row in rows[1:]), strict=True
    ):
        facts = (
            settings,
            seconds and f"trained in {seconds}",
            size,
            figures and counted(int(figures), "figure"),
            tables and f"measured {tables}",
        )
        lines.append(line)
        lines += textwrap.wrap(
            "; ".join(filter(None, facts)),
            width,
            initial_indent="    ",
            subsequent_indent="    ",
            break_long_words=False,
        )
    return lines


def _row(found: Found, states: list[str]) -> tuple[str, ...]:
    progress = [_progress(run) for run in found.runs]
    epochs = sorted({epoch for epoch, _ in progress if epoch is not None})
    accuracies = [accuracy for _, accuracy in progress if accuracy is not None]
    shown = states[0] if states else "empty"
    if found.runs and found.is_sweep:
        shown = ", ".join(f"{count} {state}" for state, count in Counter(states).items())
    about = _about(found)
    return (
        str(found.path),
        found.path.parent.name,
        shown,
        "–".join(dict.fromkeys(str(epoch) for epoch in (*epochs[:1], *epochs[-1:]))),
        f"{sum(accuracies) / len(accuracies):.2%}" if accuracies else "",
        *(in_words(about) if about else ("",) * 5),
    )


def _about(found: Found) -> About | None:
    """The further facts about a run or sweep; None where its folder cannot be read."""
    try:
        infos = [run.info for run in found.runs]
        if found.is_sweep:
            sweep = read_sweep(found.path)
            return about_sweep(found.path, list(sweep.jobs.values()), sweep.keys, infos)
        return about_run(found.path, infos[0]) if infos else None
    except (IbRunError, OSError):
        return None


def _progress(run: Run) -> tuple[int | None, float | None]:
    """The last epoch in the table ``training`` and its test accuracy; None where there is none."""
    from ib_runner.tables.arrow import read_arrow

    try:
        # sorted by epoch, then split: the last two rows are of the last epoch
        table = read_arrow(run.table_path("training"))
        rows = table.slice(max(0, len(table) - 2)).to_pylist()
    except (IbRunError, OSError):
        rows = []
    if not rows:
        return None, None
    accuracies = [row["accuracy"] for row in rows if row["split"] == "test"]
    return rows[-1]["epoch"], accuracies[-1] if accuracies else None
