"""A sweep's tables: its runs' rows together, with the run and the swept values as columns."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from ib_runner.files.atomic import make_folder
from ib_runner.files.provenance import software
from ib_runner.tables.files import read_columns, read_table, write_table
from ib_runner.tables.schema import Column
from ib_runner.tables.settings import settings_metadata, settings_of
from ib_runner.wording import ends_text

_ARROW = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


@dataclass(frozen=True)
class SweptRun:
    """A run of a sweep: its ``name``, its ``values`` by swept key, and the paths of its tables."""

    name: str
    values: Mapping[str, object]
    table_path: Callable[[str], Path]


def sweep_columns(rows: list[Mapping[str, object]]) -> dict[str, Column]:
    """The columns ``run`` and swept keys for ``rows``; whole numbers among reals become reals."""
    columns = {"run": Column(pa.string(), key=True)}
    for key in rows[0] if rows else ():
        kinds = {type(row[key]) for row in rows if row[key] is not None}
        kind = kinds.pop() if len(kinds) == 1 else float if kinds <= {int, float} and kinds else str
        columns[key] = Column(_ARROW.get(kind, pa.string()), key=False)
    return columns


def sweep_table_path(folder: Path, table: str) -> Path:
    """The path of ``table`` of the sweep in ``folder``."""
    return folder / "measurements" / f"{table}.parquet"


def collect_tables(folder: Path, runs: Sequence[SweptRun]) -> list[str]:
    """Write every table but ``findings`` that at least one run has; returns their names."""
    names = sorted({"training", *_measured(runs)} - {"findings"})
    return [name for name in names if collect_table(folder, runs, name)]


def collect_table(folder: Path, runs: Sequence[SweptRun], name: str) -> bool:
    """Write table ``name`` if at least one run has it; returns whether it was written."""
    columns, frames = _of_runs(runs, name)
    if frames:
        _write(folder, name, frames, columns, runs)
    return bool(frames)


def _measured(runs: Sequence[SweptRun]) -> set[str]:
    """The names of the runs' measured tables, including those of users' own measurements."""
    folders = {run.table_path("layers").parent for run in runs}
    return {path.stem for folder in folders for path in folder.glob("*.parquet")}


def collect_findings(
    folder: Path,
    runs: Sequence[SweptRun],
    over_runs: Sequence[Mapping[str, object]] = (),
    rules: Mapping[str, Mapping[str, str]] | None = None,
) -> list[dict[str, object]]:
    """Write the sweep's table ``findings``: the runs' rows, shares of runs, and rows ``over_runs``.

    ``rules``: the rule of each finding in words, by run and finding. Returns the rows about several
    runs, shares first.
    """
    columns, frames = _of_runs(runs, "findings")
    shares = _shares(pd.concat(frames), list(runs[0].values), rules or {}) if frames else []
    rows = [*shares, *({**row, "run": ALL_RUNS} for row in over_runs)]
    if rows:
        _write(folder, "findings", [pd.DataFrame(rows), *frames], columns, runs)
    return rows


def _of_runs(runs: Sequence[SweptRun], table: str) -> tuple[dict[str, Column], list[pd.DataFrame]]:
    """The columns that a sweep adds, and a frame for each run that has ``table``."""
    holders = [run for run in runs if run.table_path(table).is_file()]
    columns = sweep_columns([run.values for run in holders])
    frames = []
    for run in holders:
        texts = {
            key: str(value) if columns[key].type == pa.string() and value is not None else value
            for key, value in run.values.items()
        }
        frames.append(read_table(run.table_path(table)).assign(run=run.name, **texts))
    return columns, frames


def together(runs: Sequence[SweptRun], name: str) -> pd.DataFrame | None:
    """The sweep's table ``name``, of all ``runs`` that have it; None where no run has it."""
    _, frames = _of_runs(runs, name)
    if not frames:
        return None
    rows = pd.concat(frames, ignore_index=True)
    known = {key: one for frame in frames for key, one in settings_of(frame).items()}
    rows.attrs = settings_metadata(rows, known)
    return rows


def _write(
    folder: Path,
    name: str,
    frames: Sequence[pd.DataFrame],
    columns: Mapping[str, Column],
    runs: Sequence[SweptRun],
) -> None:
    """Write a sweep's table, without the metadata about each run's data and configuration."""
    path = sweep_table_path(folder, name)
    table = next(
        read_columns(run.table_path(name)) for run in runs if run.table_path(name).is_file()
    )
    rows = pd.concat(frames, ignore_index=True)
    there = [one for one, column in table.columns.items() if one in rows or not column.optional]
    known = {key: one for frame in frames for key, one in settings_of(frame).items()}
    names = json.dumps(sorted(run.name for run in runs))
    metadata = {"sweep": folder.name, "runs": names, **software(), **settings_metadata(rows, known)}
    make_folder(path.parent)
    write_table(path, rows.reindex(columns=[*there, *columns]), table, metadata, extra=columns)


#: how column ``run`` begins in rows about several runs of the sweep
ALL_RUNS = "all"


def _shares(
    findings: pd.DataFrame, keys: Sequence[str], rules: Mapping[str, Mapping[str, str]]
) -> list[dict[str, object]]:
    """A row for each finding: the share of runs where it holds, among those with a yes or no.

    Runs that differ in more than their seed are counted separately. ``low`` and ``high`` enclose
    the quantity's interval in every run that has one; ``why`` is the rule and how the runs meet it,
    or, where all are undecided, the first run's reason.
    """
    apart = [key for key in keys if key != "seed"]
    rows = []
    for values, group in findings.groupby([*apart, "finding"], sort=False, dropna=False):
        *values, finding = (None if pd.isna(value) else value for value in values)
        counts = group["holds"].value_counts()
        yes, no = counts.get("yes", 0), counts.get("no", 0)
        share = yes / (yes + no) if yes + no else None
        rule = rules.get(group["run"].iloc[0], {}).get(finding, "")
        ends = group.reindex(columns=["low", "high"]).dropna()
        low, high = (None, None) if ends.empty else (ends["low"].min(), ends["high"].max())
        rows.append(
            {
                "finding": finding,
                "expected": group["expected"].iloc[0],
                "measured": _joined(
                    f"holds in {yes} of {yes + no} runs that can tell", rule, _spread(ends)
                ),
                "holds": {None: "undecided", 0.0: "no", 1.0: "yes"}.get(share, "undecided"),
                "share": share,
                "n_runs": len(group),
                "low": low,
                "high": high,
                "why": _why(group, rule, ends, share),
                "run": " ".join([ALL_RUNS, *map("{}={}".format, apart, values)]),
                **dict(zip(apart, values, strict=True)),
            }
        )
    return rows


def _spread(ends: pd.DataFrame) -> str:
    """The median and range over runs of a finding's quantity (the middle of its interval).

    The quantity is infinite in runs that have none, such as the epoch of a peak.
    """
    middle = (ends["low"] + ends["high"]) / 2
    there = middle[np.isfinite(middle)]
    n_none = len(middle) - len(there)
    said = f"median {there.median():.3g} ({there.min():.3g} to {there.max():.3g})"
    return _joined(
        said if len(there) else "",
        f"{n_none} of {len(middle)} runs have none" if n_none else "",
    )


def _between(ends: pd.DataFrame) -> str:
    """The range that the intervals of a finding's quantity cover, where the runs have one."""
    low, high = ends["low"].min(), ends["high"].max()
    if not np.isfinite(low):
        return "no run has one"
    least, most = ends_text(low, high, 4)
    if not np.isfinite(high):
        return f"over the runs it is {least} or more"
    return f"over the runs it is between {least} and {most}"


def _why(group: pd.DataFrame, rule: str, ends: pd.DataFrame, share: float | None) -> str:
    if share is None:
        return group["why"].iloc[0]
    met = _between(ends) if len(ends) else ""
    return _joined(rule, met, "" if share in (0.0, 1.0) else "the runs disagree")


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))
