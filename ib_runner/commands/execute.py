"""From a command line taken apart to the stage that does the work."""

import logging
import os
import sys
from typing import TYPE_CHECKING

from hydra._internal.hydra import Hydra
from omegaconf import DictConfig

from ib_runner.commands.arguments import Command
from ib_runner.commands.report import finish_sweep, report_findings, say_path
from ib_runner.commands.targets import given, given_targets, trust_own
from ib_runner.config.compose import compose, open_hydra, settings, with_experiment
from ib_runner.config.saved import compose_saved
from ib_runner.config.validate import validate
from ib_runner.errors import UsageError

if TYPE_CHECKING:  # they import torch, which takes seconds
    from ib_runner.runs.find import Found
    from ib_runner.runs.folder import Run

MAKES_RUNS = ("train", "all")


def execute(command: Command) -> int:
    """Do what ``command`` asks for; returns the exit status."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)  # for targets in the user's own package
    logging.getLogger("hydra").setLevel(logging.CRITICAL)  # it logs what it also raises
    hydra = open_hydra(command.flags.config_dir)
    flags = command.flags
    if flags.help or flags.hydra_help or flags.cfg or flags.info:
        from ib_runner.commands.show import show

        return show(hydra, command)
    if command.stage == "list":
        return _list(hydra, command)
    if command.stage == "thin":
        from ib_runner.commands.thin import thin_runs

        return thin_runs(hydra, command)

    from ib_runner.runs.log import log_to_terminal

    log_to_terminal()
    if flags.multirun:
        from ib_runner.commands.sweep import sweep

        return sweep(hydra, command)
    if command.run is None and command.stage in MAKES_RUNS:
        return _new_run(hydra, command)
    return _on_runs(hydra, command)


def _new_run(hydra: Hydra, command: Command) -> int:
    from ib_runner.build import try_out

    stage = command.stage
    config = settings(compose(hydra, stage, with_experiment(stage, command.overrides)))
    validate(config, stage)
    allow_targets = trust_own(config)
    try_out(config, allow_targets)
    if command.dry_run:
        from ib_runner.commands.estimate import estimate_run

        print(estimate_run(stage, config, None))
        return 0

    from ib_runner.commands.jobs import new_folder, open_or_create, work

    path = new_folder(config)
    run = open_or_create(stage, config, path, allow_targets)
    work(stage, config, run)
    report_findings(stage, config, run)
    say_path(path)
    return 0


def _on_runs(hydra: Hydra, command: Command) -> int:
    """A stage on a run, or on every run of a sweep, that is there already."""
    from ib_runner.runs.find import find_latest, open_found
    from ib_runner.runs.log import logger

    stage = command.stage
    allow_targets = given_targets(hydra, command.overrides)
    if command.run is None:
        root = str(given(hydra, command.overrides, "output_root", "outputs"))
        found = open_found(find_latest(root).path, allow_targets)
        logger.info("%s: run=%s", stage, found.path)
    else:
        found = open_found(command.run, allow_targets)
    if found.is_sweep and stage in MAKES_RUNS:
        raise UsageError(f"run={found.path}: a sweep; go on with `ib-run {stage} -m run=…`.")
    if not found.runs:
        raise UsageError(f"run={found.path}: the sweep has no runs yet.")
    configs = []
    for run in found.runs:
        configs.append(compose_saved(hydra, stage, run.config, command.overrides, run.path))
        validate(configs[-1], stage, new=False)
    if command.dry_run:
        from ib_runner.commands.estimate import estimate_run, total

        estimates = [
            estimate_run(stage, config, run)
            for run, config in zip(found.runs, configs, strict=True)
        ]
        print(*estimates, total(estimates), sep="\n")
        return 0
    if found.is_sweep:
        return _on_sweep(stage, found, dict(zip(found.runs, configs, strict=True)), allow_targets)

    from ib_runner.commands.jobs import open_or_create, work

    (run,), (config,) = found.runs, configs
    if stage in MAKES_RUNS:
        run = open_or_create(stage, config, run.path, run.allow_targets)
    work(stage, config, run)
    report_findings(stage, config, run)
    if stage != "check":
        say_path(found.path)
    return 0


def _on_sweep(
    stage: str, found: "Found", configs: dict["Run", DictConfig], allow_targets: tuple[str, ...]
) -> int:
    """A stage on every run of a sweep; one failure does not stop the others."""
    from ib_runner.commands.jobs import work_on_all

    failed = {run.path.name: str(error) for run, error in work_on_all(stage, configs).items()}
    by_name = {run.path.name: config for run, config in configs.items()}
    return finish_sweep(stage, found.path, by_name, failed, allow_targets)


def _list(hydra: Hydra, command: Command) -> int:
    from ib_runner.stages.listing import list_runs

    if command.run is not None:
        raise UsageError(f"run={command.run}: `list` takes output_root, experiment and state.")
    config = settings(compose(hydra, "list", command.overrides))
    print(list_runs(config.output_root, config.experiment, config.state))
    return 0
