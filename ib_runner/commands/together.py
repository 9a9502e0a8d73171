"""``trainer.together``: jobs of a sweep trained in one program, before the launcher's turn.

The launcher then takes the trained jobs through the stage's other steps, if there are any.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from ib_runner.commands.plan import Job, Plan
from ib_runner.commands.resume import open_or_create
from ib_runner.errors import IbRunError
from ib_runner.runs.folder import Run
from ib_runner.runs.log import logger


def train_in_groups(plan: Plan, path: Path) -> dict[str, str]:
    """Train the plan's jobs in ``path``, as many at a time as train together; why some failed.

    By job. Nothing to do where each trains alone.
    """
    failed: dict[str, str] = {}
    together = _together(plan)
    if together == 1:
        return failed
    # late: they import torch
    from ib_runner.stages.train_run import is_trained, train_runs_together

    for jobs in _groups([job for job in plan.jobs if not job.done], together):
        runs: dict[Run, DictConfig] = {}
        for job in jobs:
            # a job's configuration is that of a run trained alone
            config = OmegaConf.merge(job.config, {"trainer": {"together": 1}})
            try:
                run = open_or_create(plan.stage, config, path / job.name)
                if not is_trained(config, run):
                    runs[run] = config
            except IbRunError as error:
                failed[job.name] = str(error)
        if runs:
            logger.info("%d jobs together: %s", len(runs), ", ".join(r.path.name for r in runs))
            for run, reason in train_runs_together(runs).items():
                logger.error("job %s failed: %s", run.path.name, reason)
                failed[run.path.name] = str(reason)
    return failed


def _together(plan: Plan) -> int:
    return max(job.config.trainer.together for job in plan.jobs)


def _groups(jobs: Sequence[Job], together: int) -> Iterator[list[Job]]:
    """Up to ``together`` jobs that may be alike: of one network, data set and kind of training."""
    alike: dict[str, list[Job]] = {}
    for job in jobs:
        tree = OmegaConf.to_container(job.config, resolve=True)
        trainer = {**tree["trainer"], "schedule": None, "lr_ratio": None, "horizon": None}
        optimizer = tree["optimizer"]["_target_"]
        parts = [tree["network"], tree["dataset"], trainer, optimizer, tree["device"]]
        alike.setdefault(json.dumps(parts, sort_keys=True), []).append(job)
    for some in alike.values():
        for start in range(0, len(some), together):
            yield some[start : start + together]
