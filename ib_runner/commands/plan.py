"""Planning a command line: a plan has jobs, each a configuration and the run that it is for.

There are three kinds of plans: a new run, existing runs, and a sweep (new, or extended). Planning
finds every mistake before any folder is made; a plan is then described (``--dry-run``) or executed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.hydra import Hydra
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ib_runner.commands.arguments import Command
from ib_runner.commands.expand import expand
from ib_runner.commands.launcher import check_alone, check_launcher, check_together
from ib_runner.commands.resume import check_resumable
from ib_runner.config.compose import compose, parse, settings, with_experiment
from ib_runner.config.saved import ALWAYS, compose_saved, gives_scheduler
from ib_runner.config.trust import vouch
from ib_runner.config.validate import validate
from ib_runner.errors import UsageError
from ib_runner.stages.stage import Stage

if TYPE_CHECKING:  # these modules import torch, which takes seconds
    from ib_runner.config.builder import Builder
    from ib_runner.runs.folder import Run
    from ib_runner.runs.sweep_folder import Sweep


@dataclass(frozen=True)
class Job:
    """The work of one stage on one ``run``, with the settings ``config``.

    ``run`` is None for a run that is still to be made, ``done`` true where nothing is left to do.
    In a sweep ``name`` is the name of the run's folder. The user has approved the packages in
    ``config.allow_targets``.
    """

    name: str
    config: DictConfig
    run: "Run | None" = None
    done: bool = False

    @property
    def but_for_its_seed(self) -> str:
        """A text that is the same for jobs whose configurations differ in the seed only."""
        return json.dumps({**OmegaConf.to_container(self.config), "seed": None}, sort_keys=True)

    def builder(self) -> "Builder":
        """The builder of the data set, network and other objects that ``config`` describes."""
        from ib_runner.config.builder import Builder  # imported here, because it imports torch

        return Builder(self.config, self.config.get("allow_targets", ()))


@dataclass(frozen=True)
class Plan:
    """A ``stage`` and the ``jobs`` that it is to do.

    ``folder`` is the folder of the run or sweep, None where executing the plan makes a new one.
    ``sweep``, and ``composed`` (each job's configuration with Hydra's own node), are there with
    ``-m`` only, where jobs may run on other machines.
    """

    stage: Stage
    jobs: tuple[Job, ...]
    folder: Path | None = None
    is_sweep: bool = False
    sweep: "Sweep | None" = None
    composed: Mapping[str, DictConfig] = field(default_factory=dict)


def make_plan(hydra: Hydra, command: Command) -> Plan:
    """The plan for ``command``. Raises ``UsageError`` for a mistake in its words or settings."""
    if command.flags.multirun:
        return _sweep(hydra, command)
    if command.stage.makes_runs and command.run is None:
        return _new_run(hydra, command)
    return _existing(hydra, command)


def _new_run(hydra: Hydra, command: Command) -> Plan:
    stage = command.stage
    composed = compose(hydra, stage.name, with_experiment(command.overrides))
    config = settings(composed)
    _validate(stage, config, new=True)
    check_alone(composed)
    vouch(config)
    job = Job("", config)
    _ = job.builder().tried
    return Plan(stage, (job,))


def _existing(hydra: Hydra, command: Command) -> Plan:
    """The plan for an existing run, or for every existing run of a sweep."""
    from ib_runner.runs.find import find_latest, open_found
    from ib_runner.runs.log import logger

    stage = command.stage
    own = None
    if stage.own_keys:
        own = settings(compose(hydra, stage.name, command.overrides))
        stage.validate(own, new=False)
    if stage.needs_run and command.run is None:
        raise UsageError(f"run: {stage.name} removes files for good; name the run with run=PATH.")
    allow_targets = _given_targets(hydra, command.overrides)
    if command.run is None:
        root = str(_given(hydra, command.overrides, "output_root", "outputs"))
        found = open_found(find_latest(root).path, allow_targets)
        logger.info("%s: run=%s", stage.name, found.path)
    else:
        found = open_found(command.run, allow_targets)
    if found.is_sweep and stage.makes_runs:
        raise UsageError(f"run={found.path}: a sweep; go on with `ib-run {stage.name} -m run=…`.")
    if not found.runs:
        raise UsageError(f"run={found.path}: the sweep has no runs yet.")
    jobs = []
    for run in found.runs:
        config = own
        if config is None:
            config = compose_saved(
                hydra, stage.name, stage.may_change, run.config, command.overrides, run.path
            )
            _validate(stage, config, new=False)
        stage.check(config, run)
        jobs.append(Job(run.path.name, config, run))
    return Plan(stage, tuple(jobs), found.path, found.is_sweep)


def _sweep(hydra: Hydra, command: Command) -> Plan:
    """The plan for a new sweep, or for an existing one that goes on; every job is checked."""
    from ib_runner.runs.sweep_folder import read_sweep

    stage = command.stage
    path = Path(command.run) if command.run is not None else None
    known = read_sweep(path) if path else None
    given = parse(hydra, command.overrides)
    if known and path:
        _check_goes_on(stage, known, given, path)
        if not gives_scheduler(given):
            _forget_scheduler(known, path)
    overrides = command.overrides if known else with_experiment(command.overrides)
    sweep, launcher = expand(hydra, stage.name, overrides, known)
    composed = {
        name: compose(hydra, stage.name, [*launcher, *sweep.overrides(name)], typed=True)
        for name in sweep.jobs
    }
    configs = {name: settings(config) for name, config in composed.items()}
    for config in configs.values():
        _validate(stage, config, new=known is None)
    check_together(composed.values())
    check_launcher(hydra, launcher, next(iter(composed.values())))
    _forget_repeated(sweep, configs, known)
    if known:  # a saved sweep may be a stranger's: its own list of trusted packages does not count
        allow_targets = set(_given_targets(hydra, command.overrides))
    else:
        allow_targets = {one for config in configs.values() for one in vouch(config)}
    for config in configs.values():
        config.allow_targets = sorted(allow_targets)
    jobs = tuple(_sweeps_job(stage, path, name, config) for name, config in configs.items())
    _try_out(jobs)
    return Plan(stage, jobs, path, True, sweep, composed)


def _forget_repeated(sweep: "Sweep", configs: dict[str, DictConfig], known: "Sweep | None") -> None:
    """Remove new jobs whose configuration equals another job's: ``noise.beta=1,1.0`` is one job."""
    begun, seen = known.jobs if known else {}, set()
    for name in list(configs):
        value = _hashable(OmegaConf.to_container(configs[name]))
        if value in seen and name not in begun:
            del configs[name], sweep.jobs[name]
        seen.add(value)


def _hashable(value: Any) -> object:
    """A hashable stand-in for ``value``: the same for 1 and 1.0, different for 1 and true."""
    if isinstance(value, dict):
        return tuple((key, _hashable(one)) for key, one in sorted(value.items()))
    if isinstance(value, list):
        return ("list", *map(_hashable, value))
    return str(value) if isinstance(value, bool) else value


def _sweeps_job(stage: Stage, sweep: Path | None, name: str, config: DictConfig) -> Job:
    """A sweep's job ``name``, with its run if there is one.

    Raises ``UsageError`` where the run cannot go on with ``config``.
    """
    from ib_runner.runs.folder import STATE_NAME, Run

    if sweep is None or not (sweep / name / STATE_NAME).is_file():
        return Job(name, config)
    run = Run(sweep / name, config.allow_targets)
    try:
        check_resumable(stage, config, run)
    except UsageError as error:
        raise UsageError(
            f"{error}\nDefaults of another version of ib-run may be different: a sweep goes on if "
            "the values that its runs have are given."
        ) from error
    return Job(name, config, run, stage.is_done(config, run))


def _try_out(jobs: Sequence[Job]) -> None:
    """Build the data set, network and so on of each job once, to find mistakes before any work.

    Of jobs that differ in the seed only, one is built.
    """
    tried = set()
    for job in jobs:
        if job.but_for_its_seed not in tried:
            tried.add(job.but_for_its_seed)
            _ = job.builder().tried


def _validate(stage: Stage, config: DictConfig, new: bool) -> None:
    validate(config)
    stage.validate(config, new)


def _forget_scheduler(sweep: "Sweep", path: Path) -> None:
    """Take ``measure.scheduler`` out of the saved ``sweep``: the address may be a stranger's.

    Results from a scheduler are unpickled, which can run any code. Raises ``UsageError`` where the
    jobs have different schedulers.
    """
    key = "measure.scheduler"
    if any(key in line for job in sweep.jobs.values() for line in job):
        raise UsageError(f"run={path}: its jobs name a {key} each; give one, {key}=…")
    sweep.fixed = [line for line in sweep.fixed if key not in line]


def _check_goes_on(stage: Stage, sweep: "Sweep", given: Sequence[Override], path: Path) -> None:
    """Refuse overrides that vary another key of the sweep at ``path`` or change a fixed value."""
    for one in given:
        if one.is_hydra_override() or one.key_or_group in sweep.keys:
            continue
        if one.is_sweep_override():
            raise UsageError(
                f"{one.input_line}: the sweep run={path} varies {', '.join(sweep.keys)}; these may "
                "get new values.\nTo vary another key start a new sweep."
            )
        same = one.input_line in sweep.fixed or _as_begun(sweep, one, path)
        if not same and not one.key_or_group.startswith((*stage.may_change, *ALWAYS)):
            raise UsageError(
                f"{one.input_line}: the sweep run={path} goes on as it began; on it "
                f"`{stage.name}` may change\n{', '.join(stage.may_change)} and device only. Start "
                "a new sweep to change it."
            )


def _as_begun(sweep: "Sweep", override: Override, path: Path) -> bool:
    """Whether all begun jobs of the sweep at ``path`` have the value of ``override`` already.

    It was a default when the sweep began, and is another one in this version.
    """
    from ib_runner.runs.folder import STATE_NAME, Run

    begun = [path / name for name in sweep.jobs if (path / name / STATE_NAME).is_file()]
    values = [OmegaConf.select(Run(one).config, override.key_or_group) for one in begun]
    return bool(values) and all(value == override.value() for value in values)


def _given(hydra: Hydra, overrides: Sequence[str], key: str, default: object) -> object:
    """The value that ``overrides`` give to ``key``, else ``default``."""
    values = [one.value() for one in parse(hydra, overrides) if one.key_or_group == key]
    return values[-1] if values else default


def _given_targets(hydra: Hydra, overrides: Sequence[str]) -> tuple[str, ...]:
    """``allow_targets`` as given on the command line; a saved configuration's does not count."""
    value = _given(hydra, overrides, "allow_targets", [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise UsageError(f"allow_targets={value}: needs a list of packages, [mine].")
    return tuple(value)
