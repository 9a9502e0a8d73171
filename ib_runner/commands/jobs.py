"""One run through its stages, and where new runs go."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from ib_runner.config.saved import changeable, differences
from ib_runner.config.validate import show
from ib_runner.errors import IbRunError, UsageError
from ib_runner.runs.atomic import make_folder
from ib_runner.runs.folder import STATE_NAME, TRAINING, Run
from ib_runner.stages.measure_run import measured_with

#: the verbs behind each stage word that works on runs
VERBS = {
    "train": ("train",),
    "measure": ("measure",),
    "plot": ("plot",),
    "check": ("check",),
    "all": ("train", "measure", "plot", "check"),
}


def new_folder(config: DictConfig, prefix: str = "") -> Path:
    """A new folder that is nobody else's: ``OUTPUT_ROOT/EXPERIMENT/TIME STAMP``."""
    above = Path(config.output_root) / config.experiment
    make_folder(above)
    while True:
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")
        path = above / f"{prefix}{stamp}"
        with suppress(FileExistsError):  # another process had the same idea in this microsecond
            path.mkdir()
            return path


def open_or_create(stage: str, config: DictConfig, path: Path, allow_targets: Sequence[str]) -> Run:
    """The run at ``path``, made with ``config`` if there is none.

    A longer training is written down. Raises ``UsageError`` where the run's own configuration
    differs in more than that.
    """
    if not (path / STATE_NAME).is_file():
        return Run.create(config, path, allow_targets)
    run = Run(path, allow_targets)
    check_resumable(stage, config, run)
    if config.trainer.epochs > run.config.trainer.epochs:
        with run.held():
            run.save_config(config)
    return run


def check_resumable(stage: str, config: DictConfig, run: Run) -> None:
    """Raise ``UsageError`` where ``config`` would train another network than ``run``'s, or less."""
    changed = {
        key: values
        for key, values in differences(run.config, config, changeable(stage)).items()
        if key.partition(".")[0] in ("experiment", *TRAINING)
    }
    if changed:
        shown = [f"{key}={show(now)}, it has {show(then)}" for key, (then, now) in changed.items()]
        more = f" (and {len(shown) - 2} more)" if len(shown) > 2 else ""
        raise UsageError(
            f"run={run.path}: it cannot go on with another configuration:\n"
            f"{'; '.join(shown[:2])}{more}."
        )
    if config.trainer.epochs < run.config.trainer.epochs:
        raise UsageError(
            f"trainer.epochs={config.trainer.epochs}: run={run.path} has "
            f"{run.config.trainer.epochs}; only more epochs can be added."
        )


def is_done(stage: str, config: DictConfig, run: Run) -> bool:
    """Whether nothing is left for ``train``, or for ``all``, to do."""
    trained = run.state == "complete" and run.config.trainer.epochs >= config.trainer.epochs
    return trained and (stage == "train" or run.info.get("through") == _through(config))


def work(stage: str, config: DictConfig, run: Run) -> None:
    """Take ``run`` through the verbs of ``stage``."""
    for verb in VERBS[stage]:
        getattr(import_module(f"ib_runner.stages.{verb}"), verb)(config, run)
    if stage == "all":
        with run.held():
            run.update(through=_through(config))


def _through(config: DictConfig) -> str:
    """What a run was taken through all stages with; another text means that there is work left."""
    made = [config.trainer.epochs, measured_with(config), OmegaConf.to_container(config.plot)]
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]


def work_on_all(stage: str, configs: Mapping[Run, DictConfig]) -> dict[Run, IbRunError]:
    """Take all runs through ``stage``; those that failed. One failure does not stop the others."""
    if stage == "measure":
        from ib_runner.stages.measure import measure_runs

        return measure_runs(configs)
    failed = {}
    for run, config in configs.items():
        try:
            work(stage, config, run)
        except IbRunError as error:
            failed[run] = error
    return failed
