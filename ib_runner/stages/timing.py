"""Forecasting how long training takes, by timing a small part of it with the same trainer."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from omegaconf import OmegaConf
from torch import Tensor

from ib_runner.compiled import kernels_asked_for
from ib_runner.config.builder import Builder
from ib_runner.datasets import Dataset
from ib_runner.training.determinism import reproducible
from ib_runner.training.fused import FusedTrainer
from ib_runner.training.loop import BLOCK_SECONDS, Trainer, trainer_of
from ib_runner.training.plain import PlainTrainer, block_size
from ib_runner.training.problem import Part, Problem, problem_of

#: seconds of the longest epoch that is timed as a whole; of a longer one, some steps are timed
WHOLE_SECONDS = 0.25
#: numbers of timed steps, and of timed blocks of inputs to score; the fastest of each counts
TIMED_STEPS, TIMED_BLOCKS = 20, 3
#: seconds for which short epochs are trained, also to get trained weights to time measuring with
TRIED_SECONDS = 1.0
#: the same for each further configuration in this process
FURTHER_SECONDS = 0.3
#: the epoch whose weights stand for an early stage of training when measuring is timed
EARLY = 16
#: seconds per byte to write a checkpoint, and seconds per epoch for keeping scores, one by one or
#: many at a time
SECONDS_A_BYTE, SECONDS_AN_EPOCH, SECONDS_IN_BLOCKS = 2e-9, 1e-4, 2e-5
#: nodes of the configuration on which the time of training depends
NODES = ("dataset", "network", "noise", "regularizer", "optimizer", "trainer", "device", "seed")


class Times(NamedTuple):
    """Seconds of one ``epoch``, scores and checkpoint included, and ``how`` it is trained.

    ``weights`` has the initial weights by epoch and, where epochs are short, those of two later
    ones.
    """

    epoch: float
    how: str
    weights: dict[int, dict[str, Tensor]]


def time_training(builder: Builder) -> Times:
    """Times of training with the builder's configuration."""
    return _training(*without_seed(builder, NODES))


def without_seed(builder: Builder, nodes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """``nodes`` of the configuration as YAML with seed 0, and the builder's ``allow_targets``.

    A key for results that are the same for all seeds.
    """
    whole = OmegaConf.to_container(builder.config, resolve=True)
    found = {key: whole[key] for key in nodes} | {"seed": 0}
    return OmegaConf.to_yaml(OmegaConf.create(found)), builder.allow_targets


@lru_cache
def _training(text: str, allow_targets: tuple[str, ...]) -> Times:
    builder = Builder(OmegaConf.create(text), allow_targets)
    dataset = builder.dataset()
    network = builder.network(dataset)
    settings = builder.training()
    for name in ("epochs", "checkpoint_every"):
        settings.pop(name)
    problem = problem_of(network, dataset, **settings)
    trainer = trainer_of(problem)
    first = dict(trainer.weights())
    kept = sum(tensor.nbytes for tensor in first.values()) * SECONDS_A_BYTE
    kept += SECONDS_IN_BLOCKS if isinstance(trainer, FusedTrainer) else SECONDS_AN_EPOCH
    tried = FURTHER_SECONDS if _training.cache_info().currsize else TRIED_SECONDS
    with reproducible(network, settings["device"]):
        if isinstance(trainer, PlainTrainer):
            seconds = _of_steps(trainer)
            if seconds > WHOLE_SECONDS:
                return Times(seconds + kept, _how(trainer, problem), {0: first})
        seconds, later = _of_epochs(trainer, builder.config.trainer.epochs, tried)
    return Times(seconds + kept, _how(trainer, problem), {0: first, **later})


def seconds_by_kernels(builder: Builder, dataset: Dataset) -> float | None:
    """Seconds of the fastest of a few epochs, not kept, where compiled kernels make all of them.

    None where they do not: an epoch may be long.
    """
    settings = builder.training()
    for name in ("epochs", "checkpoint_every"):
        settings.pop(name)
    trainer = trainer_of(problem_of(builder.network(dataset), dataset, **settings))
    if not isinstance(trainer, FusedTrainer):
        return None
    return _fastest(lambda: trainer.run_epochs(1, [1.0]), TIMED_BLOCKS) + SECONDS_IN_BLOCKS


def _how(trainer: Trainer, problem: Problem) -> str:
    if isinstance(trainer, FusedTrainer):
        return "by compiled kernels"
    where = problem.train.x.device.type
    made = "with compiled passes" if trainer.is_compiled else "step by step by PyTorch"
    return f"{made}, on {where}"


def _of_steps(trainer: PlainTrainer) -> float:
    """Seconds of an epoch, extrapolated from some training steps and some blocks to score."""
    problem, generator = trainer.problem, torch.Generator()
    n, size = len(problem.train.x), block_size(problem.train.x)
    batch = torch.arange(problem.batch_size, device=problem.train.x.device)
    block = Part(*(rows[:size] for rows in problem.test))
    trainer.network.train()
    step = _fastest(lambda: trainer.step(batch, generator), TIMED_STEPS)
    score = _fastest(lambda: trainer.score(block), TIMED_BLOCKS) / len(block.x)
    return -(-n // problem.batch_size) * step + (n + len(problem.test.x)) * score


def _of_epochs(
    trainer: Trainer, epochs: int, tried: float
) -> tuple[float, dict[int, dict[str, Tensor]]]:
    """Mean seconds of the epochs that fit into ``tried`` seconds, the first left out, and weights.

    The weights are those of epoch ``EARLY``, or 1, and of the last trained epoch.
    """

    def epoch(number: int) -> float:
        return _seconds(lambda: _epoch(trainer, number))

    epoch(1)  # left out, as it may include compiling
    if isinstance(trainer, FusedTrainer):
        return _of_blocks(trainer, epochs, tried)
    spent, count, kept = 0.0, 0, {1: dict(trainer.weights())}
    while count == 0 or (spent < tried and count + 1 < epochs):
        spent, count = spent + epoch(count + 2), count + 1
        if count + 1 == EARLY:
            kept = {EARLY: dict(trainer.weights())}
    return spent / count, {**kept, count + 1: dict(trainer.weights())}


def _of_blocks(
    trainer: FusedTrainer, epochs: int, tried: float
) -> tuple[float, dict[int, dict[str, Tensor]]]:
    """``_of_epochs`` after epoch 1 by kernels that make many epochs in one call."""
    spent, done, size, kept = 0.0, 1, 1, {1: dict(trainer.weights())}
    while done == 1 or (spent < tried and done < epochs):
        factors = [trainer.problem.schedule(done + k) for k in range(1, 1 + size)]
        began = time.process_time()
        made = trainer.run_epochs(done + 1, factors)
        took = time.process_time() - began
        spent += took
        if done < EARLY <= done + len(made.weights):
            kept = {EARLY: dict(made.weights[EARLY - done - 1])}
        done += size
        size = min(max(1, epochs - done), max(1, int(size * BLOCK_SECONDS / max(took, 1e-4))))
    return spent / (done - 1), {**kept, done: dict(trainer.weights())}


def _epoch(trainer: Trainer, number: int) -> None:
    trainer.run_epoch(number)
    for part in (trainer.problem.train, trainer.problem.test):
        trainer.score(part)
    trainer.weights(), trainer.optimizer_state()


def seconds_once_loaded(action: Callable[[], object]) -> float:
    """Seconds of a call of ``action``, repeated where the first call loaded or compiled kernels."""
    asked_for = kernels_asked_for()
    seconds = _seconds(action)
    return seconds if kernels_asked_for() == asked_for else seconds_once_loaded(action)


def _fastest(action: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of ``times`` calls, after a first call, which may compile."""
    return min([_seconds(action) for _ in range(times + 1)][1:])


def _seconds(action: Callable[[], object]) -> float:
    """Seconds of one call: the smaller of wall time and processor time (summed over threads), since
    other programs may share the processors.
    """
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return min(time.perf_counter() - wall, time.process_time() - processor)
