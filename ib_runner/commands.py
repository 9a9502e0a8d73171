"""What each command line does, once it is taken apart."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.hydra import Hydra
from omegaconf import DictConfig, OmegaConf

from ib_runner.cli import Command
from ib_runner.config.compose import CONF, VERSION_BASE, compose, open_hydra, parse, settings
from ib_runner.config.saved import SAVED, compose_saved, register
from ib_runner.config.validate import validate
from ib_runner.errors import IbRunError, UsageError

DEFAULT_EXPERIMENT = "+exp=szt_tanh"
MAKES_RUNS = ("train", "all")


def execute(command: Command) -> int:
    """Do what ``command`` asks for; returns the exit status."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)  # for targets in the user's own package
    hydra = open_hydra(command.flags.config_dir)
    flags = command.flags
    if flags.help or flags.hydra_help or flags.cfg or flags.info:
        return _show(hydra, command)
    if command.stage == "list":
        return _list(hydra, command)

    from ib_runner.runs.log import log_to_terminal

    log_to_terminal()
    if flags.multirun:
        from ib_runner.sweeping import sweep

        return sweep(hydra, command)
    if command.run is None and command.stage in MAKES_RUNS:
        return _new_run(hydra, command)
    return _on_runs(hydra, command)


def with_experiment(stage: str, overrides: Sequence[str]) -> list[str]:
    """``ib-run train`` alone is the default experiment."""
    named = any(one.lstrip("+~").startswith("exp=") for one in overrides)
    return [*overrides] if named or stage == "list" else [DEFAULT_EXPERIMENT, *overrides]


def given(hydra: Hydra, overrides: Sequence[str], key: str, default: object) -> object:
    """The value of ``key`` in the overrides themselves."""
    values = [one.value() for one in parse(hydra, overrides) if one.key_or_group == key]
    return values[-1] if values else default


def given_targets(hydra: Hydra, overrides: Sequence[str]) -> tuple[str, ...]:
    """``allow_targets`` of the command line: what a saved configuration says does not count."""
    value = given(hydra, overrides, "allow_targets", [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise UsageError(f"allow_targets={value}: needs a list of packages, [mine].")
    return tuple(value)


def trust_own(config: DictConfig) -> tuple[str, ...]:
    """A configuration the user has just composed vouches for its targets; says so in it."""
    from ib_runner.build import packages_of

    config.allow_targets = sorted({*config.allow_targets, *packages_of(config)})
    return tuple(config.allow_targets)


def say_path(path: Path) -> None:
    """The last line on standard output."""
    sys.stdout.flush()
    print(path, flush=True)


def _new_run(hydra: Hydra, command: Command) -> int:
    from ib_runner.build import try_out

    stage = command.stage
    config = settings(compose(hydra, stage, with_experiment(stage, command.overrides)))
    validate(config, stage)
    allow_targets = trust_own(config)
    try_out(config, allow_targets)
    if command.dry_run:
        from ib_runner.estimate import describe_run

        print(describe_run(stage, config, None))
        return 0

    from ib_runner.jobs import new_folder, open_or_create, work

    path = new_folder(config)
    work(stage, config, open_or_create(config, path, allow_targets))
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
        validate(configs[-1], stage)
    if command.dry_run:
        from ib_runner.estimate import describe_run

        for run, config in zip(found.runs, configs, strict=True):
            print(describe_run(stage, config, run))
        return 0
    failed = {}
    for run, config in zip(found.runs, configs, strict=True):
        why = _work(stage, config, run, alone=not found.is_sweep)
        if why is not None:
            failed[run.path.name] = why
    if found.is_sweep:
        collect(stage, found.path)
    if stage != "check":
        say_path(found.path)
    return report_failures(failed, len(found.runs))


def _work(stage: str, config: DictConfig, run, alone: bool) -> str | None:
    from ib_runner.jobs import open_or_create, work

    if stage in MAKES_RUNS:
        run = open_or_create(config, run.path, run.allow_targets)
    if alone:
        work(stage, config, run)
        return None
    try:
        work(stage, config, run)
    except IbRunError as error:
        return str(error)
    return None


def collect(stage: str, path: Path) -> None:
    """Write the sweep's own tables from those of its runs."""
    from ib_runner.runs.find import open_found
    from ib_runner.runs.sweep import read_sweep
    from ib_runner.runs.sweep_tables import collect_tables

    collect_tables(path, list(open_found(path).runs), read_sweep(path).keys)


def report_failures(failed: dict[str, str], total: int) -> int:
    """List what failed and why on standard error; returns the exit status."""
    if not failed:
        return 0
    lines = [f"  {name}: {why}" for name, why in failed.items()]
    print("\n".join([f"ib-run: {len(failed)} of {total} failed:", *lines]), file=sys.stderr)
    return 1


def _list(hydra: Hydra, command: Command) -> int:
    from ib_runner.stages.listing import list_runs

    if command.run is not None:
        raise UsageError(f"run={command.run}: `list` takes output_root, experiment and state.")
    config = settings(compose(hydra, "list", command.overrides))
    print(list_runs(config.output_root, config.experiment, config.state))
    return 0


def _show(hydra: Hydra, command: Command) -> int:
    """--help, --cfg, --info and --hydra-help: Hydra's own, on a configuration known to compose."""
    flags, name, overrides = command.flags, command.stage, list(command.overrides)
    if command.run is not None and command.stage != "list":
        from ib_runner.runs.find import open_found

        runs = open_found(command.run).runs
        if not runs:
            raise UsageError(f"run={command.run}: the sweep has no runs yet.")
        compose_saved(hydra, command.stage, runs[0].config, overrides, runs[0].path)
        register(hydra, runs[0].config, runs[0].path)
        name = SAVED
    else:
        overrides = with_experiment(command.stage, overrides)
        if not flags.multirun:
            settings(compose(hydra, name, overrides))
    words = [word for word in ("help", "hydra_help", "resolve", "multirun") if getattr(flags, word)]
    argv = [f"--{word.replace('_', '-')}" for word in words]
    for word in ("cfg", "package", "info", "config_dir"):
        if getattr(flags, word) is not None:
            argv += [f"--{word.replace('_', '-')}", getattr(flags, word)]
    return show_with_hydra(name, [*argv, *overrides])


def show_with_hydra(name: str, argv: Sequence[str]) -> int:
    """Let Hydra's own main work on configuration ``name``; returns the exit status."""
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    def never(config: DictConfig) -> None:
        raise IbRunError("Hydra was to show something, not to run it.")

    GlobalHydra.instance().clear()
    before = sys.argv
    sys.argv = [before[0], *argv]
    try:
        hydra.main(version_base=VERSION_BASE, config_path=CONF, config_name=name)(never)()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return 0
