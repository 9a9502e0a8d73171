"""What a command leaves behind when its runs are through: a sweep's tables, failures, the path."""

import sys
from pathlib import Path


def collect(stage: str, path: Path) -> None:
    """Write the sweep's own tables from those of its runs."""
    from ib_runner.runs.find import open_found
    from ib_runner.runs.sweep import read_sweep
    from ib_runner.runs.sweep_tables import collect_tables

    collect_tables(path, list(open_found(path).runs), read_sweep(path).keys)
    if stage in ("check", "all"):
        from ib_runner.stages.check import print_over_runs

        print_over_runs(path)


def report_failures(failed: dict[str, str], total: int) -> int:
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
