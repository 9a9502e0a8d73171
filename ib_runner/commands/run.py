"""One parsed command: a page is shown, a question answered, or a plan described or executed."""

import logging
import os
import sys
from contextlib import nullcontext

from ib_runner.collector import collector_rests, leave_out_what_is_there, rest_to_the_end
from ib_runner.commands.arguments import Command
from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.errors import UsageError


def run(command: Command, alone: bool = False) -> int:
    """Carry out ``command``; returns the exit status. Raises ``UsageError`` for a mistake in it.

    ``alone``: this process is for it alone, and ends with it.
    """
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)  # a _target_ may be in a package in the working folder
    logging.getLogger("hydra").setLevel(logging.CRITICAL)  # Hydra also raises the errors it logs
    hydra = open_hydra(command.flags.config_dir)
    flags, stage = command.flags, command.stage
    if flags.help and not command.help_all:
        from ib_runner.commands.help import stage_page

        print(stage_page(stage))
        return 0
    if flags.help or flags.hydra_help or flags.cfg or flags.info:
        from ib_runner.commands.show import show

        return show(hydra, command)
    if not stage.on_runs:
        if command.run is not None:
            keys = ", ".join(settings(compose(hydra, stage.name, [])))
            raise UsageError(f"run={command.run}: `{stage.name}` takes {keys}.")
        print(stage.answer(settings(compose(hydra, stage.name, command.overrides))))
        return 0

    from ib_runner.commands.plan import make_plan
    from ib_runner.runs.log import log_to_terminal

    log_to_terminal()
    # of a sweep's plan much is dropped again, job by job
    with nullcontext() if flags.multirun else collector_rests():
        plan = make_plan(hydra, command)
    if command.dry_run:
        from ib_runner.commands.dry_run import describe

        print(describe(plan))
        return 0
    from ib_runner.commands.execute import execute

    leave_out_what_is_there()
    if alone and stage.is_brief and not plan.is_sweep:
        rest_to_the_end()
    return execute(hydra, plan)
