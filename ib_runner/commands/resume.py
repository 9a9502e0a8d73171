"""Folders for new runs and sweeps, and whether an existing run can go on with a configuration."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig

from ib_runner.config.saved import differences
from ib_runner.errors import UsageError
from ib_runner.files.atomic import make_folder
from ib_runner.runs.folder import STATE_NAME, TRAINING, Run
from ib_runner.runs.sweep_folder import SWEEP_NAME
from ib_runner.stages.stage import Stage
from ib_runner.wording import show


@contextmanager
def new_folder(config: DictConfig, prefix: str = "") -> Iterator[Path]:
    """A new folder ``OUTPUT_ROOT/EXPERIMENT/TIMESTAMP``, which no other process uses.

    Where the block fails before it has made the folder a run or a sweep, the folder is removed,
    with the folders above it that were made for it.
    """
    above = Path(config.output_root) / config.experiment
    made = [one for one in (above, *above.parents) if not one.exists()]
    path = None
    try:
        make_folder(above)
        path = _stamped_folder(above, prefix)
        yield path
    except BaseException:
        if path is not None and not any(
            (path / name).exists() for name in (STATE_NAME, SWEEP_NAME)
        ):
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # a folder that is not empty stays, with the folders above it
            for folder in made:
                folder.rmdir()
        raise


def _stamped_folder(above: Path, prefix: str) -> Path:
    while True:
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")
        path = above / f"{prefix}{stamp}"
        with suppress(FileExistsError):  # another process made this folder in the same microsecond
            path.mkdir()
            return path


def open_or_create(stage: Stage, config: DictConfig, path: Path) -> Run:
    """The run at ``path``; a new one with ``config`` where there is none.

    Where ``config`` trains for more epochs than the run's own configuration, it is saved in its
    place. Raises ``UsageError`` where the configurations differ in anything else that decides the
    weights.
    """
    if not (path / STATE_NAME).is_file():
        return Run.create(config, path, config.allow_targets, doing="train")
    run = Run(path, config.allow_targets)
    check_resumable(stage, config, run)
    if config.trainer.epochs > run.config.trainer.epochs:
        with run.held():
            run.save_config(config)
    return run


def check_resumable(stage: Stage, config: DictConfig, run: Run) -> None:
    """Raise ``UsageError`` where ``config`` has other settings of training than ``run``, or fewer
    epochs.
    """
    changed = {
        key: values
        for key, values in differences(run.config, config, stage.may_change).items()
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
