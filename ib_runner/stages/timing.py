"""What training and measuring cost, timed just now on a small part of it."""

import copy
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from omegaconf import OmegaConf
from torch import nn

from ib_runner.config.builder import Builder
from ib_runner.datasets import Dataset
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.training.determinism import reproducible
from ib_runner.training.plain import PlainTrainer
from ib_runner.training.problem import Part, problem_of

#: of each kind, the fastest of which counts: others may be slowed down by something else
TIMED_STEPS, TIMED_SCORES, TIMED_PASSES = 20, 5, 2
SCORED_INPUTS, PASSED_INPUTS = 256, 64
#: what decides how long training takes
NODES = ("dataset", "network", "noise", "regularizer", "optimizer", "trainer", "device", "seed")


class Times(NamedTuple):
    """Seconds of one training step, and of scoring one input after an epoch."""

    step: float
    score: float


def time_training(builder: Builder) -> Times:
    """Times of the plain trainer for its configuration, under the conditions of training."""
    return _training(*_without_seed(builder))


def time_pass(builder: Builder) -> float:
    """Seconds that one input takes through the network to be measured, in float64."""
    return _pass(*_without_seed(builder))


def _without_seed(builder: Builder) -> tuple[str, tuple[str, ...]]:
    """What decides the times, as YAML: configurations that differ in their seed are timed once."""
    nodes = OmegaConf.create({key: builder.config[key] for key in NODES} | {"seed": 0})
    return OmegaConf.to_yaml(nodes, resolve=True), builder.allow_targets


@lru_cache
def _training(text: str, allow_targets: tuple[str, ...]) -> Times:
    builder, dataset, network = _built(text, allow_targets)
    settings = builder.training()
    for name in ("epochs", "checkpoint_every"):
        settings.pop(name)
    problem = problem_of(network, dataset, **settings)
    trainer, generator = PlainTrainer(problem), torch.Generator()
    batch = torch.arange(problem.batch_size, device=settings["device"])
    few = Part(*(rows[:SCORED_INPUTS] for rows in problem.test))
    before = copy.deepcopy(network.state_dict())
    network.train()
    with reproducible(network, settings["device"]):
        step = _fastest(lambda: trainer.step(batch, generator), TIMED_STEPS)
        network.load_state_dict(before)
        score = _fastest(lambda: trainer.score(few), TIMED_SCORES)
    return Times(step, score / len(few.x))


@lru_cache
def _pass(text: str, allow_targets: tuple[str, ...]) -> float:
    _, dataset, network = _built(text, allow_targets)
    few = dataset.test[torch.arange(min(PASSED_INPUTS, len(dataset.test)))]
    snapshot = Snapshot(0, network.eval(), few, 0)
    return _fastest(lambda: snapshot.represent(few.x, torch.float64), TIMED_PASSES) / len(few)


def _built(text: str, allow_targets: Sequence[str]) -> tuple[Builder, Dataset, nn.Module]:
    builder = Builder(OmegaConf.create(text), allow_targets)
    dataset = builder.dataset()
    return builder, dataset, builder.network(dataset)


def _fastest(action: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of some calls, the first, which may compile, left out.

    Where other programs share the processors, what counts is the processor time, which is at most
    that of all threads together.
    """
    seconds = []
    for _ in range(times + 1):
        wall, processor = time.perf_counter(), time.process_time()
        action()
        seconds.append(min(time.perf_counter() - wall, time.process_time() - processor))
    return min(seconds[1:])
