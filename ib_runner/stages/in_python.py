"""One stage on one run, called from Python instead of the command line."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig

from ib_runner.config.compose import our_hydra
from ib_runner.config.saved import compose_saved
from ib_runner.config.validate import validate
from ib_runner.runs.opened import OpenedRun
from ib_runner.stages.stage import stages


def do(name: str, run: OpenedRun, settings: Mapping[str, Any], node: str) -> None:
    """Do stage ``name`` on ``run``, with ``settings`` as keys of the configuration's ``node``."""
    stage = stages()[name]
    config = run.without_factory(configured(name, run.config, settings, node, run.path))
    stage.check(config, run)
    with _as_many_threads_afterwards():
        stage.work(config, run)


def configured(
    name: str, saved: DictConfig, settings: Mapping[str, Any], node: str, path: object
) -> DictConfig:
    """The configuration of stage ``name`` for a run at ``path`` that was made with ``saved``.

    Raises ``UsageError`` for settings that ``node`` has not, or that make no sense.
    """
    stage = stages()[name]
    overrides = [f"{node}.{key}={_override(one)}" for key, one in settings.items()]
    with our_hydra() as hydra:
        config = compose_saved(hydra, name, stage.may_change, saved, overrides, path)
    validate(config)
    stage.validate(config, new=False)
    return config


def _override(value: Any) -> str:
    """``value`` as on the command line; numpy scalars become numbers, arrays become lists."""
    return json.dumps(value, default=lambda one: one.tolist())


@contextmanager
def _as_many_threads_afterwards() -> Iterator[None]:
    """Restore the numbers of threads after a stage, for a training that goes on in this process."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
