"""Carrying out a plan: the stage's work on each run, then on a sweep's runs together."""

import sys
from collections.abc import Mapping
from pathlib import Path

from hydra._internal.hydra import Hydra
from omegaconf import OmegaConf

from ib_runner.commands.dry_run import announce
from ib_runner.commands.launch import launch
from ib_runner.commands.plan import Job, Plan
from ib_runner.commands.resume import new_folder, open_or_create
from ib_runner.errors import IbRunError, UsageError, going_on
from ib_runner.runs.find import open_found
from ib_runner.runs.folder import Run
from ib_runner.runs.lock import hold
from ib_runner.runs.log import logger
from ib_runner.runs.sweep_folder import read_sweep, write_sweep
from ib_runner.stages.stage import Stage


def execute(hydra: Hydra, plan: Plan) -> int:
    """Carry out ``plan``; returns the exit status."""
    if not plan.is_sweep:
        return _on_run(plan)
    announce(plan)
    if plan.sweep is not None:
        return _launch(hydra, plan)
    return _on_sweep(plan)


def _on_run(plan: Plan) -> int:
    stage, (job,) = plan.stage, plan.jobs
    with stage.preparing(job.config, job.config.get("allow_targets", ())):
        announce(plan)
        run = _run_of(stage, job, plan.folder)
        with going_on(f"run={run.path}"):
            stage.work(job.config, run)
    for step in stage.steps:
        step.report(job.config, run)
    if stage.says_path:
        _say(run.path)
    return 0


def _run_of(stage: Stage, job: Job, folder: Path | None) -> Run:
    if not stage.makes_runs and job.run is not None:
        return job.run
    if folder is not None:
        return open_or_create(stage, job.config, folder)
    with new_folder(job.config) as path:
        return open_or_create(stage, job.config, path)


def _on_sweep(plan: Plan) -> int:
    """The stage on each existing run of a sweep, a failed run left out; returns the exit status."""
    configs = {job.run: job.config for job in plan.jobs}
    with going_on(f"run={plan.folder}"):
        errors = plan.stage.work_on_all(configs)
    failed = {run.path.name: str(error) for run, error in errors.items()}
    return _finish(plan, plan.folder, failed)


def _launch(hydra: Hydra, plan: Plan) -> int:
    """``-m``: write the sweep's folder, then hand its jobs to Hydra's launcher; the exit status."""
    path = _sweep_folder(plan)
    logger.info("sweep %s: %d jobs, %d done", path, len(plan.jobs), sum(j.done for j in plan.jobs))
    with going_on(f"-m run={path}"):
        failed = launch(hydra, plan, path)
    return _finish(plan, path, failed)


def _sweep_folder(plan: Plan) -> Path:
    """The folder of the plan's sweep, with all jobs in its ``sweep.json``.

    A new folder is made under the experiment's name, or under ``several`` where the jobs belong to
    different experiments.
    """
    sweep, path = plan.sweep, plan.folder
    if path is not None:
        with hold(path):  # another process may have added jobs meanwhile
            sweep.jobs = {**read_sweep(path).jobs, **sweep.jobs}
            write_sweep(path, sweep)
        return path
    config = plan.jobs[0].config
    if len({job.config.experiment for job in plan.jobs}) > 1:
        config = OmegaConf.merge(config, {"experiment": "several"})
    with new_folder(config, "sweep_") as path, hold(path):
        write_sweep(path, sweep)
    return path


def _finish(plan: Plan, path: Path, failed: Mapping[str, str]) -> int:
    """Do the stage's work over all runs, print every failure; returns the exit status.

    ``failed`` has the reason of each failed job by its name.
    """
    over_runs = _over_runs(plan, path)
    problems = {**failed, **over_runs}
    if plan.stage.says_path:
        _say(path)
    if not problems:
        return 0
    lines = [f"  {name}: {why}" for name, why in problems.items()]
    head = f"ib-run: {len(problems)} of {len(plan.jobs) + len(over_runs)} failed:"
    print("\n".join([head, *lines]), file=sys.stderr)
    return 1


def _over_runs(plan: Plan, path: Path) -> dict[str, str]:
    """Do each step's work over all runs of the sweep; returns the failed steps' reasons by name."""
    from ib_runner.stages.sweep_of_runs import SweepOfRuns  # pandas

    configs = {job.name: job.config for job in plan.jobs}
    allow_targets = plan.jobs[0].config.get("allow_targets", ())
    runs = [run for run in open_found(path, allow_targets).runs if run.path.name in configs]
    if not runs:
        return {}
    sweep = SweepOfRuns(
        path,
        tuple(read_sweep(path).keys),
        tuple(runs),
        tuple(configs[run.path.name] for run in runs),
    )
    problems = {}
    for step in plan.stage.steps:
        try:
            with hold(path):
                step.over_runs(sweep)
        except IbRunError as error:
            if plan.stage.own_keys and isinstance(error, UsageError):
                raise  # the stage's own keys hold for the whole sweep: a mistake, not a failed step
            problems[f"{step.name} over the runs"] = str(error)
    return problems


def _say(path: Path) -> None:
    """Print ``path`` as the last line on standard output, for scripts to read."""
    sys.stdout.flush()
    print(path, flush=True)
