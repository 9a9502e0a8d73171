"""What a command does when its runs are through: a sweep's own work, failures, the path."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from ib_runner.errors import IbRunError

if TYPE_CHECKING:  # it imports torch, which takes seconds
    from ib_runner.runs.folder import Run


def finish_sweep(
    stage: str,
    path: Path,
    configs: Mapping[str, DictConfig],
    failed: Mapping[str, str],
    allow_targets: Sequence[str],
) -> int:
    """What ``stage`` does to a sweep's runs together, and its report; returns the exit status.

    ``configs`` are the jobs' own by name, and ``failed`` says why some of them did.
    """
    from ib_runner.commands.jobs import VERBS
    from ib_runner.runs.find import open_found
    from ib_runner.runs.lock import hold
    from ib_runner.runs.sweep import read_sweep
    from ib_runner.stages.sweep import AFTER, SweepOfRuns

    runs = [run for run in open_found(path, allow_targets).runs if run.path.name in configs]
    sweep = SweepOfRuns(
        path,
        tuple(read_sweep(path).keys),
        tuple(runs),
        tuple(configs[run.path.name] for run in runs),
    )
    problems = dict(failed)
    for verb in VERBS[stage] if runs else ():
        try:
            with hold(path):
                AFTER[verb](sweep)
        except IbRunError as error:
            problems[f"{verb} over the runs"] = str(error)
    if stage != "check":
        say_path(path)
    return report_failures(problems, len(configs))


def report_findings(stage: str, config: DictConfig, run: "Run") -> None:
    """Print the verdicts about a run, where ``stage`` has come to some."""
    from ib_runner.commands.jobs import VERBS
    from ib_runner.stages.check import report

    if "check" in VERBS[stage]:
        report(config, run)


def report_failures(failed: Mapping[str, str], total: int) -> int:
    """List what failed and why on standard error; returns the exit status."""
    if not failed:
        return 0
    lines = [f"  {name}: {why}" for name, why in failed.items()]
    print("\n".join([f"ib-run: {len(failed)} of {total} failed:", *lines]), file=sys.stderr)
    return 1


def say_path(path: Path) -> None:
    """The last line on standard output."""
    sys.stdout.flush()
    print(path, flush=True)
