"""``-m``: a new sweep, or one that goes on. Every job is checked before anything is made."""

import json
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ib_runner.build import try_out
from ib_runner.commands.arguments import Command
from ib_runner.commands.jobs import check_resumable, is_done, new_folder
from ib_runner.commands.launch import check_launcher, job_config, launch, plan
from ib_runner.commands.report import finish_sweep
from ib_runner.commands.targets import given_targets, trust_own
from ib_runner.config.compose import parse, with_experiment
from ib_runner.config.saved import CHANGEABLE, changeable, gives_scheduler
from ib_runner.config.validate import validate
from ib_runner.errors import UsageError
from ib_runner.runs.folder import STATE_NAME, Run
from ib_runner.runs.lock import hold
from ib_runner.runs.log import logger
from ib_runner.runs.sweep import Sweep, read_sweep, write_sweep


def sweep(hydra: Hydra, command: Command) -> int:
    """Run the jobs that are not done yet; returns the exit status."""
    path = Path(command.run) if command.run is not None else None
    known = read_sweep(path) if path else None
    overrides = command.overrides if known else with_experiment(command.stage, command.overrides)
    given = parse(hydra, command.overrides)
    if known:
        _check_given(command.stage, known, given, path)
        if not gives_scheduler(given):
            _forget_scheduler(known, path)
    planned, launcher_overrides = plan(hydra, command.stage, overrides, known)
    configs = {
        name: job_config(hydra, command.stage, planned.overrides(name)) for name in planned.jobs
    }
    for config in configs.values():
        validate(config, command.stage, new=known is None)
    if known:  # it is saved, and cannot vouch for itself
        allow_targets = given_targets(hydra, command.overrides)
    else:
        allow_targets = tuple(sorted({one for c in configs.values() for one in trust_own(c)}))
    for config in configs.values():
        config.allow_targets = list(allow_targets)
    _try_out(configs, allow_targets)
    done = _done(path, command.stage, configs, allow_targets) if path else set()
    todo = {name: planned.overrides(name) for name in configs if name not in done}
    if command.dry_run:
        _describe(path, command.stage, configs, done, allow_targets)
        return 0
    check_launcher(hydra, command.stage, launcher_overrides)
    path = path or _new_folder(configs)
    logger.info("sweep %s: %d jobs, %d done", path, len(configs), len(done))
    with hold(path):
        if known:  # jobs that another process has added meanwhile
            planned.jobs = {**read_sweep(path).jobs, **planned.jobs}
        write_sweep(path, planned)
    failed = launch(hydra, command.stage, path, todo, launcher_overrides, allow_targets)
    return finish_sweep(command.stage, path, configs, failed, allow_targets)


def _forget_scheduler(sweep: Sweep, path: Path) -> None:
    """A sweep may come from a stranger, and what a scheduler answers is believed."""
    key = "measure.scheduler"
    if any(key in line for job in sweep.jobs.values() for line in job):
        raise UsageError(f"run={path}: its jobs name a {key} each; give one, {key}=…")
    sweep.fixed = [line for line in sweep.fixed if key not in line]


def _check_given(stage: str, sweep: Sweep, given: Sequence[Override], path: Path) -> None:
    """Refuse what would make another sweep of the one at ``path``."""
    for one in given:
        if one.is_hydra_override() or one.key_or_group in sweep.keys:
            continue
        allowed = changeable(stage)
        if one.is_sweep_override():
            raise UsageError(
                f"{one.input_line}: the sweep run={path} varies {', '.join(sweep.keys)}; these may "
                "get new values.\nTo vary another key start a new sweep."
            )
        same = one.input_line in sweep.fixed
        if not same and not one.key_or_group.startswith(allowed):
            raise UsageError(
                f"{one.input_line}: the sweep run={path} goes on as it began; on it `{stage}` may "
                f"change\n{', '.join(allowed[: -len(CHANGEABLE['*'])])} and device only. Start a "
                "new sweep to change it."
            )


def _try_out(configs: dict[str, DictConfig], allow_targets: tuple[str, ...]) -> None:
    """Build what differs by more than the seed once each."""
    tried = set()
    for config in configs.values():
        tree = OmegaConf.to_container(config)
        key = json.dumps({**tree, "seed": None}, sort_keys=True)
        if key not in tried:
            tried.add(key)
            try_out(config, allow_targets)


def _new_folder(configs: dict[str, DictConfig]) -> Path:
    """Beside the runs of the experiment; of several, in a place of their own."""
    first = next(iter(configs.values()))
    if len({config.experiment for config in configs.values()}) > 1:
        first = OmegaConf.merge(first, {"experiment": "several"})
    return new_folder(first, "sweep_")


def _done(
    path: Path, stage: str, configs: dict[str, DictConfig], allow_targets: tuple[str, ...]
) -> set[str]:
    """The jobs with nothing left to do. Raises ``UsageError`` where one cannot go on."""
    done = set()
    for name, config in configs.items():
        if (path / name / STATE_NAME).is_file():
            run = Run(path / name, allow_targets)
            check_resumable(stage, config, run)
            if is_done(stage, config, run):
                done.add(name)
    return done


def _describe(
    path: Path | None,
    stage: str,
    configs: dict[str, DictConfig],
    done: set[str],
    allow_targets: tuple[str, ...],
) -> None:
    from ib_runner.commands.estimate import estimate_run, total

    estimates = []
    for name, config in configs.items():
        if name in done:
            print(f"{name}: done")
            continue
        there = path is not None and (path / name / STATE_NAME).is_file()
        run = Run(path / name, allow_targets) if there else None
        estimates.append(estimate_run(stage, config, run))
        print(f"{name}: {estimates[-1]}")
    print(f"{len(configs)} jobs, {len(done)} done; {total(estimates)}")
