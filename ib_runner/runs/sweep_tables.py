"""A sweep's tables: those of its runs in one, with the run and the swept values as columns."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
from omegaconf import ListConfig, OmegaConf

from ib_runner.runs.folder import Run
from ib_runner.runs.schema import TABLES, Column
from ib_runner.runs.sweep import read_sweep
from ib_runner.runs.tables import write_table

_ARROW = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


def swept_values(run: Run, keys: list[str], overrides: list[str]) -> dict[str, object]:
    """The values of the swept ``keys`` in ``run``; what is no plain value comes as text.

    A chosen entry of a group (condition, exp, noise, …) is its name, known from the job's
    ``overrides`` only: the configuration has what the entry holds.
    """
    given = dict(one.lstrip("+~").partition("=")[::2] for one in overrides)
    values = {}
    for key in keys:
        value = OmegaConf.select(run.config, key)
        if isinstance(value, ListConfig):
            value = str(OmegaConf.to_container(value, resolve=True))
        elif OmegaConf.is_config(value) or (value is None and given.get(key) != "null"):
            value = given.get(key)
        values[key] = value
    return values


def sweep_columns(rows: list[Mapping[str, object]]) -> dict[str, Column]:
    """``run`` and the swept keys as columns; ints among floats become floats."""
    columns = {"run": Column(pa.string(), key=True)}
    for key in rows[0] if rows else ():
        kinds = {type(row[key]) for row in rows if row[key] is not None}
        kind = kinds.pop() if len(kinds) == 1 else float if kinds <= {int, float} and kinds else str
        columns[key] = Column(_ARROW.get(kind, pa.string()), key=False)
    return columns


def collect_table(folder: Path, runs: list[Run], keys: list[str], table: str) -> bool:
    """Write ``folder/measurements/TABLE.parquet`` from those runs that have it; False: none has."""
    holders = [run for run in runs if run.table_path(table).is_file()]
    if not holders:
        return False
    jobs = read_sweep(folder).jobs
    values = [swept_values(run, keys, jobs[run.path.name]) for run in holders]
    columns = sweep_columns(values)
    frames = [_over_runs(holders)] if table == "findings" else []
    for run, value in zip(holders, values, strict=True):
        texts = {
            key: str(v) if columns[key].type == pa.string() and v is not None else v
            for key, v in value.items()
        }
        frames.append(run.table(table).assign(run=run.path.name, **texts))
    (folder / "measurements").mkdir(exist_ok=True)
    path = folder / "measurements" / f"{table}.parquet"
    rows = pd.concat(frames, ignore_index=True).reindex(columns=[*TABLES[table], *columns])
    write_table(path, rows, table, extra=columns)
    return True


def collect_tables(folder: Path, runs: list[Run], keys: list[str]) -> list[str]:
    """Write every table that at least one run has; their names."""
    return [table for table in TABLES if collect_table(folder, runs, keys, table)]


#: stands for the run's name in rows about all runs of the sweep
ALL_RUNS = "all"


def _over_runs(runs: list[Run]) -> pd.DataFrame:
    """A row for each finding: the share of runs, among those that can tell, in which it holds."""
    findings = pd.concat([run.table("findings") for run in runs], ignore_index=True)
    rows = []
    for finding, group in findings.groupby("finding", sort=False):
        counts = group["holds"].value_counts()
        yes, no = counts.get("yes", 0), counts.get("no", 0)
        share = yes / (yes + no) if yes + no else None
        rows.append(
            {
                "finding": finding,
                "expected": group["expected"].iloc[0],
                "measured": f"holds in {yes} of {yes + no} runs that can tell",
                "holds": {None: "undecided", 0.0: "no", 1.0: "yes"}.get(share, "undecided"),
                "share": share,
                "n_runs": len(group),
                "why": "" if share in (None, 0.0, 1.0) else "the runs disagree",
                "run": ALL_RUNS,
            }
        )
    return pd.DataFrame(rows)
