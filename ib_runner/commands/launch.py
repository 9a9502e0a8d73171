"""Handing the jobs of a sweep to Hydra's launcher, which runs them here or on another machine."""

import os
import sys
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from ib_runner.commands.launcher import make_launcher
from ib_runner.commands.plan import Job, Plan
from ib_runner.commands.resume import open_or_create
from ib_runner.commands.together import train_in_groups
from ib_runner.config.compose import settings
from ib_runner.errors import IbRunError, raise_interruption_behind
from ib_runner.runs.folder import STATE_NAME, Run
from ib_runner.runs.log import log_to_terminal, logger
from ib_runner.stages.stage import Stage


@dataclass
class _Task:
    """The function that a launcher calls for each job; returns why the job failed, or None.

    ``names`` are the jobs' names by number, ``sweep`` and ``working_folder`` are folders. A cluster
    launcher pickles this object with every job, so it holds no configurations: Hydra composes a
    job's configuration where the job runs.
    """

    stage: Stage
    sweep: Path
    names: tuple[str, ...]
    allow_targets: tuple[str, ...]
    working_folder: str

    def __call__(self, config: DictConfig) -> str | None:
        log_to_terminal()
        if self.working_folder not in sys.path:
            sys.path.append(self.working_folder)
        number = HydraConfig.get().job.num
        name = self.names[number]
        logger.info("job %d of %d: %s", number + 1, len(self.names), name)
        try:
            config = settings(config)
            config.allow_targets = list(self.allow_targets)
            config.trainer.together = 1  # saved with the run, which equals one trained alone
            run = open_or_create(self.stage, config, self.sweep / name)
            self.stage.work_in_sweep(config, run)
        except Exception as error:
            raise_interruption_behind(error)
            if os.environ.get("HYDRA_FULL_ERROR") == "1":
                traceback.print_exc()
            known = isinstance(error, IbRunError)
            why = str(error) if known else f"{type(error).__name__}: {error}"
            logger.error("job %s failed: %s", name, why)
            return why
        return None


def launch(hydra: Hydra, plan: Plan, path: Path) -> dict[str, str]:
    """Run the unfinished jobs of ``plan`` in the sweep's folder ``path``.

    Returns the reason of each failed job by its name; a failed job stops no other one. Jobs with
    ``trainer.together`` are trained first, in this process.
    """
    failed = train_in_groups(plan, path)
    return failed | _launch(hydra, plan, path, without=failed)


def _launch(hydra: Hydra, plan: Plan, path: Path, without: Collection[str]) -> dict[str, str]:
    jobs = [job for job in plan.jobs if not job.done and job.name not in without]
    if not jobs:
        return {}
    names = tuple(job.name for job in jobs)
    task = _Task(plan.stage, path, names, tuple(jobs[0].config.allow_targets), os.getcwd())
    overrides = [tuple(plan.sweep.overrides(name)) for name in names]
    configs = {words: plan.composed[name] for words, name in zip(overrides, names, strict=True)}
    launcher = make_launcher(hydra, configs, task, path)
    try:
        results = launcher.launch(overrides, initial_job_idx=0)
    except Exception as error:  # the launcher returned no results, as when a job's process died
        return _undone(plan.stage, path, jobs, str(error).strip().partition("\n")[0])
    failed = {name: _why(result) for name, result in zip(names, results, strict=True)}
    return {name: why for name, why in failed.items() if why is not None}


def _undone(stage: Stage, path: Path, jobs: Sequence[Job], error: str) -> dict[str, str]:
    """The reason ``error`` for each of ``jobs`` that its folder does not show as done, by name."""

    def done(job: Job) -> bool:
        folder = path / job.name
        return (folder / STATE_NAME).is_file() and stage.is_done(job.config, Run(folder))

    undone = [job.name for job in jobs if not done(job)]
    if not undone:
        raise IbRunError(f"{path}: the launcher failed when all jobs were done ({error}).")
    return dict.fromkeys(undone, f"it ended without a result ({error})")


def _why(result: JobReturn) -> str | None:
    if result.status == JobStatus.COMPLETED:
        return result.return_value
    return f"it ended as {result.status.name.lower()}"
