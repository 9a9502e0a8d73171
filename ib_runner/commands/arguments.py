"""Command lines taken apart: the run, our own flags, Hydra's flags, overrides."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from hydra._internal.utils import get_args_parser

from ib_runner.errors import UsageError


@dataclass
class Command:
    """What was asked for, taken apart."""

    stage: str
    run: str | None
    dry_run: bool
    flags: argparse.Namespace  # Hydra's
    overrides: list[str]


def parse_command(stage: str, words: Sequence[str]) -> Command:
    """Take ``run=`` and ``--dry-run`` out of ``words``; the rest is Hydra's.

    ``run=`` is taken verbatim: such paths hold characters that Hydra's grammar rejects.
    """
    runs = [word.partition("=")[2] for word in words if word.startswith("run=")]
    if len(runs) > 1 or "" in runs:
        raise UsageError(f"run={' run='.join(runs)}: needs one path.")
    rest = [word for word in words if not word.startswith("run=") and word != "--dry-run"]
    flags = _parse_flags(rest)
    if flags.multirun and stage not in ("train", "all"):
        raise UsageError(
            f"-m: sweeps are for train and all; `ib-run {stage} run=SWEEP` works on all its runs."
        )
    return Command(
        stage=stage,
        run=runs[0] if runs else None,
        dry_run="--dry-run" in words,
        flags=flags,
        overrides=flags.overrides,
    )


def _parse_flags(words: Sequence[str]) -> argparse.Namespace:
    parser = get_args_parser()

    def refuse(message: str) -> None:
        raise UsageError(f"{message}.\n`ib-run --help` shows the flags.")

    parser.error = refuse
    flags = parser.parse_intermixed_args(list(words))
    for name in ("config_path", "config_name", "experimental_rerun"):
        if getattr(flags, name) is not None:
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag}: not for ib-run; --config-dir adds a folder of YAML.")
    return flags
