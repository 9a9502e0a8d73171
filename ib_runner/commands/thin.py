"""``ib-run thin``: everything is checked for all runs before a checkpoint of one is removed."""

from hydra._internal.hydra import Hydra

from ib_runner.commands.arguments import Command
from ib_runner.commands.estimate import size_text
from ib_runner.commands.report import report_failures, say_path
from ib_runner.config.compose import compose, settings
from ib_runner.config.rules import YES_OR_NO
from ib_runner.config.validate import show
from ib_runner.errors import IbRunError, UsageError
from ib_runner.runs.find import open_found
from ib_runner.runs.log import log_to_terminal
from ib_runner.stages.thin import epochs_to_keep, thin


def thin_runs(hydra: Hydra, command: Command) -> int:
    """Thin the run, or every run of the sweep, that ``run=`` names; returns the exit status."""
    config = settings(compose(hydra, "thin", command.overrides))
    if command.run is None:
        raise UsageError("run: thin removes checkpoints for good, so name the run with run=PATH.")
    if not YES_OR_NO.accepts(config.force):
        raise UsageError(f"force={show(config.force)}: needs {YES_OR_NO.needs}.")
    found = open_found(command.run)
    if not found.runs:
        raise UsageError(f"run={found.path}: the sweep has no runs yet.")
    keep = {run: epochs_to_keep(run, config.keep, config.force) for run in found.runs}
    if command.dry_run:
        for run, epochs in keep.items():
            now, left = run.checkpoints.sizes(epochs)
            there = len(run.epochs)
            print(
                f"{run.path}: {len(epochs)} of {there} checkpoints stay, {size_text(left)}; "
                f"about {size_text(now - left)} would be freed"
            )
        return 0
    log_to_terminal()
    failed = {}
    for run, epochs in keep.items():
        try:
            thin(run, epochs)
        except IbRunError as error:
            if not found.is_sweep:
                raise
            failed[run.path.name] = str(error)
    say_path(found.path)
    return report_failures(failed, len(keep))
