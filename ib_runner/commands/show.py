"""Hydra's own pages (--help, --cfg, --info, completion) on our configurations."""

import io
import logging
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

import hydra
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from ib_runner.commands.arguments import Command
from ib_runner.commands.help import register_stages
from ib_runner.config.compose import (
    CONF,
    VERSION_BASE,
    compose,
    parse,
    settings,
    with_experiment,
)
from ib_runner.config.saved import SAVED, compose_saved, register
from ib_runner.errors import IbRunError, UsageError


class HydraFailedError(IbRunError):
    """Hydra could not show what it was to show; the message is Hydra's."""


def show(opened: Hydra, command: Command) -> int:
    """--help, --cfg, --info and --hydra-help, as Hydra has them; returns the exit status.

    Raises ``UsageError`` where the configuration does not compose.
    """
    flags, name, overrides = command.flags, command.stage.name, list(command.overrides)
    if flags.hydra_help:  # Hydra's own page, which has no configuration of ours
        return show_with_hydra(name, ["--hydra-help"])
    for one in parse(opened, overrides):
        if one.is_sweep_override():
            raise UsageError(
                f"{one.input_line}: what is shown is one job's; "
                f"give {one.key_or_group} one value, without -m."
            )
    if command.run is not None and not command.stage.own_keys:
        from ib_runner.runs.find import open_found

        runs = open_found(command.run).runs
        if not runs:
            raise UsageError(f"run={command.run}: the sweep has no runs yet.")
        saved, path = runs[0].config, runs[0].path
        compose_saved(opened, name, command.stage.may_change, saved, overrides, path)
        register(opened, saved, path)
        name = SAVED
    else:
        if not command.stage.own_keys:
            overrides = with_experiment(overrides)
    argv = [f"--{word}" for word in ("help", "resolve") if getattr(flags, word)]
    for word in ("cfg", "package", "info", "config_dir"):
        if getattr(flags, word) is not None:
            argv += [f"--{word.replace('_', '-')}", getattr(flags, word)]
    try:
        return show_with_hydra(name, [*argv, *overrides])
    except HydraFailedError:  # composing takes long, so once more only to say what is wrong
        settings(compose(opened, name, overrides))
        raise


def show_with_hydra(name: str, argv: Sequence[str]) -> int:
    """Let Hydra's own main work on configuration ``name``; returns the exit status.

    Raises ``HydraFailedError`` with what Hydra has to say where it cannot.
    """
    page, complaint = ask_hydra(name, argv)
    print(page, end="")
    print(complaint, end="", file=sys.stderr)
    return 0


def ask_hydra(name: str, argv: Sequence[str]) -> tuple[str, str]:
    """What Hydra prints on standard output, and on standard error."""

    def never(config: DictConfig) -> None:
        raise IbRunError("Hydra was to show something, not to run it.")

    register_stages()
    GlobalHydra.instance().clear()
    # --info prints by logging, on the root's level and with a handler added to it
    root, log = logging.getLogger(), logging.getLogger("hydra")
    handlers, levels = list(root.handlers), (root.level, log.level)
    log.setLevel(logging.NOTSET)
    logging.raiseExceptions = False  # a reader that goes away, `| head`, is no error of ours
    before = sys.argv
    sys.argv = [before[0], *argv]
    status = 0
    try:
        # Hydra's page is caught and printed by us: Hydra would fail with a traceback where the
        # reader has gone
        with redirect_stdout(io.StringIO()) as page, redirect_stderr(io.StringIO()) as complaint:
            hydra.main(version_base=VERSION_BASE, config_path=CONF, config_name=name)(never)()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
        root.handlers[:] = handlers
        for logger, level in zip((root, log), levels, strict=True):
            logger.setLevel(level)
    if status:
        raise HydraFailedError(complaint.getvalue().strip())
    return page.getvalue(), complaint.getvalue()
