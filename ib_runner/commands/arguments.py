"""Parsing a command line into ``run=``, ib-run's own flags, Hydra's flags and overrides."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from ib_runner.config.keys import PLAIN
from ib_runner.errors import UsageError
from ib_runner.stages.stage import Stage, stages


@dataclass
class Command:
    """A parsed command line."""

    stage: Stage
    run: str | None
    dry_run: bool
    help_all: bool  # --help=all: Hydra's page, with all groups and the whole configuration
    flags: argparse.Namespace  # Hydra's
    overrides: list[str]


def parse_command(stage: Stage, words: Sequence[str]) -> Command:
    """The command that ``words``, those behind the stage's name, give to ``stage``.

    The path of ``run=`` is taken verbatim, as it may hold characters that Hydra's grammar rejects.
    Raises ``UsageError`` for unknown flags, more than one ``run=``, or ``-m`` where it cannot be.
    """
    runs = [word.partition("=")[2] for word in words if word.startswith("run=")]
    if len(runs) > 1 or "" in runs:
        raise UsageError(f"run={' run='.join(runs)}: needs one path.")
    rest = [word for word in words if not word.startswith("run=") and word != "--dry-run"]
    help_all = "--help=all" in rest
    rest = ["--help" if word == "--help=all" else word for word in rest]
    rest = [_as_list(word) if word.partition("=")[0] in stage.lists else word for word in rest]
    flags = _parse_flags(rest)
    if flags.multirun and not stage.makes_runs:
        makers = " and ".join(name for name, one in stages().items() if one.makes_runs)
        raise UsageError(
            f"-m: sweeps are for {makers}; `ib-run {stage.name} run=SWEEP` works on all its runs."
        )
    _check_output_root(flags.overrides)
    return Command(
        stage=stage,
        run=runs[0] if runs else None,
        dry_run="--dry-run" in words,
        help_all=help_all,
        flags=flags,
        overrides=flags.overrides,
    )


def _as_list(word: str) -> str:
    """``word`` with brackets added: ``format=latex,csv`` becomes ``format=[latex,csv]``."""
    key, _, value = word.partition("=")
    return f"{key}=[{value}]" if "," in value and value[0] not in "[\"'" else word


def _check_output_root(overrides: Sequence[str]) -> None:
    """Check ``output_root``, where stages look for runs before any configuration is checked."""
    rule = PLAIN["output_root"]
    for line in overrides:
        if not line.startswith("output_root="):
            continue
        try:
            parsed = OverridesParser.create().parse_override(line)
        except HydraException:
            continue  # composing reports an override that cannot be parsed
        if not parsed.is_sweep_override() and not rule.accepts(parsed.value()):
            raise UsageError(f"{line}: needs {rule.needs}.")


def _parse_flags(words: Sequence[str]) -> argparse.Namespace:
    parser = get_args_parser()

    def refuse(message: str) -> None:
        raise UsageError(f"{message}.\n`ib-run --help` shows the flags.")

    parser.error = refuse  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(list(words))
    for name in ("config_path", "config_name", "experimental_rerun"):
        if getattr(flags, name) is not None:
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag}: not for ib-run; --config-dir adds a folder of YAML.")
    return flags
