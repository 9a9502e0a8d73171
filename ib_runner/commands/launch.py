"""Sweeps: expand them, check every job, then hand the jobs to Hydra's launcher."""

import os
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from ib_runner.config.compose import compose, parse, settings
from ib_runner.errors import IbRunError, UsageError, raise_interruption_behind
from ib_runner.runs.log import log_to_terminal, logger
from ib_runner.runs.sweep import Sweep

#: keys that decide where a sweep is, and thus cannot be swept
ONE_A_SWEEP = ("output_root", "allow_targets")


def plan(
    hydra: Hydra, stage: str, overrides: Sequence[str], sweep: Sweep | None = None
) -> tuple[Sweep, list[str]]:
    """The sweep that ``overrides`` ask for, and Hydra's own overrides among them.

    Given a ``sweep``, that one goes on: its overrides hold but for those given anew, and new
    values of swept keys make new jobs beside the old ones.
    """
    parsed = parse(hydra, overrides)
    sweep = sweep or Sweep(stage=stage, fixed=[], keys=[], jobs={})
    ours = [one for one in parsed if not one.is_hydra_override()]
    swept = [one for one in ours if one.is_sweep_override() or _key(one) in sweep.keys]
    for one in swept:
        if _key(one) in ONE_A_SWEEP:
            raise UsageError(f"{one.input_line}: a sweep has one {_key(one)}; give one value.")
    fixed = {_key_of(line): line for line in sweep.fixed}
    fixed |= {_key(one): one.input_line for one in ours if one not in swept}
    for one in swept:
        fixed.pop(_key(one), None)
    planned = Sweep(
        stage=stage,
        fixed=list(fixed.values()),
        keys=list(dict.fromkeys([*sweep.keys, *map(_key, swept)])),
        jobs=dict(sweep.jobs),
        started=sweep.started,
    )
    for assignment in _assignments(swept, sweep):
        planned.add(assignment)
    return planned, [one.input_line for one in parsed if one.is_hydra_override()]


def _assignments(swept: Sequence[Override], sweep: Sweep) -> list[list[str]]:
    """The swept overrides of each job: all values given, times what the old jobs have besides."""
    try:
        given = [list(job) for job in BasicSweeper.split_arguments(list(swept), None)[0]]
    except (HydraException, StopIteration, RuntimeError, ValueError) as error:
        lines = ", ".join(one.input_line for one in swept)
        raise UsageError(f"{lines}: no list of values ({error or 'it is empty'}).") from error
    if not given:
        raise UsageError(f"{', '.join(one.input_line for one in swept)}: no values to sweep over.")
    keys = {_key(one) for one in swept}
    rest = {
        tuple(line for line in job if _key_of(line) not in keys): None
        for job in sweep.jobs.values()
    }
    return [[*old, *new] for old, new in product(rest or {(): None}, given)]


def _key(one: Override) -> str:
    return one.key_or_group


def _key_of(line: str) -> str:
    return line.lstrip("+~").partition("=")[0]


def job_config(hydra: Hydra, stage: str, overrides: Sequence[str]) -> DictConfig:
    """The configuration of one job."""
    return settings(compose(hydra, stage, overrides))


@dataclass
class _Job:
    """What a launcher calls for each job, here or on another machine. Returns why it failed."""

    stage: str
    path: Path
    names: Mapping[tuple[str, ...], str]
    allow_targets: tuple[str, ...]
    folder: str

    def __call__(self, config: DictConfig) -> str | None:
        from ib_runner.commands.jobs import open_or_create, work

        log_to_terminal()
        if self.folder not in sys.path:
            sys.path.append(self.folder)
        name = self.names[tuple(HydraConfig.get().overrides.task)]
        logger.info("job %d of %d: %s", HydraConfig.get().job.num + 1, len(self.names), name)
        try:
            config = settings(config)
            config.allow_targets = list(self.allow_targets)
            run = open_or_create(self.stage, config, self.path / name, self.allow_targets)
            work(self.stage, config, run)
        except Exception as error:
            raise_interruption_behind(error)
            if os.environ.get("HYDRA_FULL_ERROR") == "1":
                traceback.print_exc()
            why = (
                str(error) if isinstance(error, IbRunError) else f"{type(error).__name__}: {error}"
            )
            logger.error("job %s failed: %s", name, why)
            return why
        return None


def check_launcher(hydra: Hydra, stage: str, overrides: Sequence[str]) -> None:
    """Raise ``UsageError`` where Hydra's own ``overrides`` make no launcher."""
    try:
        _launcher(hydra, stage, overrides, _Job(stage, Path(), {}, (), ""), Path())
    except (HydraException, OmegaConfBaseException, ImportError, TypeError, ValueError) as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise UsageError(
            f"{' '.join(overrides)}: no launcher ({reason}).\n"
            "hydra/launcher=basic, joblib or submitit_slurm (pip install 'ib-run[sweep]')."
        ) from error


def _launcher(hydra: Hydra, stage: str, overrides: Sequence[str], job: "_Job", path: Path) -> Any:
    master = compose(hydra, stage, overrides, RunMode.MULTIRUN)
    with open_dict(master):
        master.hydra.sweep.dir = str(path)  # where launchers for clusters keep their own files
    return Plugins.instance().instantiate_launcher(
        hydra_context=HydraContext(hydra.config_loader, Callbacks(master)),
        task_function=job,
        config=master,
    )


def launch(
    hydra: Hydra,
    stage: str,
    path: Path,
    jobs: Mapping[str, Sequence[str]],
    launcher_overrides: Sequence[str],
    allow_targets: Sequence[str],
) -> dict[str, str]:
    """Run ``jobs`` (names and their overrides) in ``path``; those that failed, and why.

    One failure does not stop the others.
    """
    if not jobs:
        return {}
    names = {tuple(overrides): name for name, overrides in jobs.items()}
    job = _Job(stage, path, names, tuple(allow_targets), os.getcwd())
    launcher = _launcher(hydra, stage, launcher_overrides, job, path)
    try:
        results = launcher.launch([list(one) for one in names], initial_job_idx=0)
    except Exception as error:  # a job's process died, say: the launcher gives no results at all
        return _undone(stage, path, names.values(), str(error).strip().partition("\n")[0])
    failed = {name: _why(result) for name, result in zip(names.values(), results, strict=True)}
    return {name: why for name, why in failed.items() if why is not None}


def _undone(stage: str, path: Path, names: Iterable[str], error: str) -> dict[str, str]:
    """The jobs whose folders do not say that they are done, each failed with ``error``."""
    from ib_runner.commands.jobs import is_done
    from ib_runner.runs.folder import STATE_NAME, Run

    def done(job: Path) -> bool:
        return (job / STATE_NAME).is_file() and is_done(stage, Run(job).config, Run(job))

    undone = [name for name in names if not done(path / name)]
    if not undone:
        raise IbRunError(f"{path}: the launcher failed when all jobs were done ({error}).")
    return dict.fromkeys(undone, f"it ended without a result ({error})")


def _why(result: JobReturn) -> str | None:
    if result.status == JobStatus.COMPLETED:
        return result.return_value
    return f"it ended as {result.status.name.lower()}"
