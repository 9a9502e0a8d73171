"""Checking a run's tables against what the paper reports: a row of table ``findings`` for each."""

import textwrap
from importlib import resources
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from ib_runner.config.builder import for_runs
from ib_runner.files.atomic import make_folder
from ib_runner.findings.finding import Expectation, Outcome
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger
from ib_runner.stages.run_context import context_of, tables_of
from ib_runner.stages.verdicts import WIDTH, in_blocks
from ib_runner.tables.files import write_table


def check(config: DictConfig, run: Run) -> None:
    """Judge every finding of ``config.findings`` and write the table ``findings``."""
    findings = for_runs(run.builder(config).findings())
    if not findings:
        logger.warning(no_findings(config))
        return
    context, tables = context_of(config, run), tables_of(config, run)
    rows = [finding_row(name, one, one(tables, context), 1) for name, one in findings.items()]
    frame = pd.DataFrame(rows)
    with run.held(), log_to(run.path / "check.log"):
        make_folder(run.path / "measurements")
        write_table(run.table_path("findings"), frame, "findings", run.table_metadata(config))


def no_findings(config: DictConfig) -> str:
    """The message for an experiment without findings: which findings the user may choose."""
    folder = resources.files("ib_runner.conf").joinpath("findings")
    names = sorted(one.name.removesuffix(".yaml") for one in folder.iterdir())
    names = [one for one in names if one not in ("none", "truths")]
    lines = [
        f"check: experiment {config.experiment} has no findings. findings=NAME checks",
        "truths, which hold for every noisy network, or what the paper reports of "
        f"{', '.join(names)}.",
        "Findings of your own: docs/how-to/own-entry.md.",
    ]
    return "\n".join(textwrap.fill(line, WIDTH) for line in lines)


def print_verdicts(config: DictConfig, run: Run) -> None:
    """Print the verdicts that ``check`` wrote, in the order of ``config.findings``."""
    if not run.table_path("findings").is_file():
        return
    table = run.table("findings").set_index("finding", drop=False)
    names = [name for name in config.findings if name in table.index]
    if names:
        print(in_blocks(table.loc[names].to_dict("records")))


def finding_row(name: str, finding: Expectation, outcome: Outcome, n_runs: int) -> dict[str, Any]:
    """The row of table ``findings`` for one verdict about ``n_runs`` runs."""
    return {
        "finding": name,
        "expected": finding.expected,
        "measured": outcome.measured,
        "holds": outcome.holds,
        "share": {"yes": 1.0, "no": 0.0}.get(outcome.holds),
        "n_runs": n_runs,
        "low": outcome.low,
        "high": outcome.high,
        "why": outcome.why,
    }
