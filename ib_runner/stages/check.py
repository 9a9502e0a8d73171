"""Hold a run's tables against what the paper reports: a row for each finding."""

import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from ib_runner.build import build_findings
from ib_runner.runs.folder import Run
from ib_runner.runs.lock import hold
from ib_runner.runs.log import log_to, logger
from ib_runner.runs.sweep_tables import ALL_RUNS
from ib_runner.runs.tables import read_table, write_table
from ib_runner.stages.plot import context_of

COLUMNS = ("finding", "holds", "measured", "expected", "why")


def check(config: DictConfig, run: Run) -> None:
    """Judge every finding of ``config.findings``, write the table and print it."""
    findings = build_findings(config, run.allow_targets)
    if not findings:
        logger.warning("check: experiment %s has no findings", config.experiment)
        return
    context, tables = context_of(config, run), cache(run.table)
    rows = []
    for name, finding in findings.items():
        outcome = finding(tables, context)
        rows.append(
            {
                "finding": name,
                "expected": finding.expected,
                "measured": outcome.measured,
                "holds": outcome.holds,
                "share": {"yes": 1.0, "no": 0.0}.get(outcome.holds),
                "n_runs": 1,
                "why": outcome.why,
            }
        )
    frame = pd.DataFrame(rows)
    with hold(run.path), log_to(run.path / "check.log"):
        (run.path / "measurements").mkdir(exist_ok=True)
        write_table(run.table_path("findings"), frame, "findings", run.table_metadata())
    print(in_columns(rows))


def print_over_runs(sweep: Path) -> None:
    """Print the sweep's findings over all its runs, as its table has them."""
    path = sweep / "measurements" / "findings.parquet"
    if path.is_file():
        table = read_table(path)
        print(in_columns(table[table["run"] == ALL_RUNS].to_dict("records")))


def in_columns(rows: Sequence[dict[str, object]]) -> str:
    """The findings as text, as wide as a terminal: a block for each, its verdict first."""
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
