"""Hydra's own pages (--help, --cfg, --info, completion) for ib-run's configurations."""

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
    """Hydra failed to print a page; the message is Hydra's own."""


def show(opened: Hydra, command: Command) -> int:
    """Print Hydra's page for --help, --cfg, --info or --hydra-help; returns the exit status.

    Raises ``UsageError`` where the configuration does not compose.
    """
    flags, name, overrides = command.flags, command.stage.name, list(command.overrides)
    if flags.hydra_help:  # the page about Hydra's flags needs no configuration
        return show_with_hydra(name, ["--hydra-help"])
    for one in parse(opened, overrides):
        if one.is_sweep_override():
            raise UsageError(
                f"{one.input_line}: this page shows one job; "
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
    except HydraFailedError:  # compose again to say what is wrong in the words of config.explain
        settings(compose(opened, name, overrides))
        raise


def show_with_hydra(name: str, argv: Sequence[str]) -> int:
    """Call Hydra's main with ``argv`` on configuration ``name`` and print its answer; returns 0.

    Raises ``HydraFailedError`` with Hydra's message where Hydra fails.
    """
    page, complaint = ask_hydra(name, argv)
    print(page, end="")
    print(complaint, end="", file=sys.stderr)
    return 0


def ask_hydra(name: str, argv: Sequence[str]) -> tuple[str, str]:
    """The texts that Hydra prints on standard output and on standard error.

    Raises ``HydraFailedError`` with the latter where Hydra fails.
    """

    def never(config: DictConfig) -> None:
        raise IbRunError("Hydra was to show something, not to run it.")

    register_stages()
    GlobalHydra.instance().clear()
    # --info logs its page at the root logger's level, with a handler that it adds there
    root, log = logging.getLogger(), logging.getLogger("hydra")
    handlers, levels = list(root.handlers), (root.level, log.level)
    log.setLevel(logging.NOTSET)
    logging.raiseExceptions = False  # no traceback where the reader closes the pipe (`| head`)
    before = sys.argv
    sys.argv = [before[0], *argv]
    status = 0
    try:
        # Hydra's page is caught here and printed by the caller: Hydra itself would print a
        # traceback where the reader has closed the pipe
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
