"""``trainer.together``: several jobs of a sweep trained in one loop, before the launcher starts.

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
    """Train the plan's jobs in the sweep's folder ``path``, ``trainer.together`` at a time.

    Returns the reason of each failed job by its name. Trains nothing where ``together`` is 1.
    """
    failed: dict[str, str] = {}
    together = _together(plan)
    if together == 1:
        return failed
    # imported here, because train_run imports torch
    from ib_runner.stages.train_run import is_trained, train_runs_together

    for jobs in _groups([job for job in plan.jobs if not job.done], together):
        runs: dict[Run, DictConfig] = {}
        for job in jobs:
            # saved with the run, which is the same as one trained alone
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
    """Groups of up to ``together`` jobs with the same network, data set, trainer and optimizer."""
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
