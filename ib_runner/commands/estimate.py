"""``--dry-run``: what would run, what is done, and what it needs."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from omegaconf import DictConfig
from torch import nn

from ib_runner.build import try_out
from ib_runner.commands.jobs import VERBS
from ib_runner.commands.timing import time_pass, time_training
from ib_runner.datasets import Dataset
from ib_runner.networks import channels
from ib_runner.runs.folder import Run
from ib_runner.stages.epochs import epochs_to_measure

#: the rules behind the estimates of what is not timed
SECONDS_A_POINT, BYTES_A_POINT = 1.0, 60e3
SECONDS_A_FILE, BYTES_A_FILE = 2.0, 3e5
#: a new run's configuration, state, table of losses and the last state of its optimizer
BYTES_A_RUN = 40e3


@dataclass(frozen=True)
class Estimate:
    """What is to do, in words, and what it needs: seconds, bytes on disk."""

    text: str
    seconds: float = 0.0
    size: float = 0.0

    def __str__(self) -> str:
        return self.text


def total(estimates: Iterable[Estimate]) -> str:
    """All of them together, one after the other."""
    estimates = list(estimates)
    seconds, size = sum(e.seconds for e in estimates), sum(e.size for e in estimates)
    return f"in all about {_duration(seconds)} one after the other, {size_text(size)}"


def estimate_run(stage: str, config: DictConfig, run: Run | None) -> Estimate:
    """What ``stage`` would do to ``run``, or to a new one; a line for each verb."""
    dataset, network = try_out(config, config.allow_targets if run is None else run.allow_targets)
    parts = {verb: _VERBS[verb](config, run, dataset, network) for verb in VERBS[stage]}
    head = f"{run.path}: {run.state}" if run else f"a new run of {config.experiment}"
    return Estimate(
        "\n".join([head, *(f"  {verb}: {part}" for verb, part in parts.items())]),
        sum(part.seconds for part in parts.values()),
        sum(part.size for part in parts.values()),
    )


def _train(config: DictConfig, run: Run | None, dataset: Dataset, network: nn.Module) -> Estimate:
    done = run.epochs[-1] if run is not None and run.epochs else 0
    left = config.trainer.epochs - done
    if left <= 0:
        return Estimate(f"{done} epochs are done, nothing is left to do")
    batch = config.trainer.batch_size or len(dataset.train)
    steps = -(-len(dataset.train) // batch)
    times = time_training(config)
    scored = len(dataset.train) + len(dataset.test)
    seconds = left * (steps * times.step + scored * times.score)
    weights = sum(
        tensor.numel() * tensor.element_size() for tensor in network.state_dict().values()
    )
    size = weights * (left // config.trainer.checkpoint_every + 1)
    size += BYTES_A_RUN if run is None else 0.0
    return Estimate(
        f"{left} epochs of {steps} steps to do, {done} are done; at most about "
        f"{_duration(seconds)} (timed just now: a step of the plain trainer takes "
        f"{times.step * 1e3:.2g} ms, scoring an epoch {_duration(scored * times.score)}), "
        f"{size_text(size)} on disk",
        seconds,
        size,
    )


def _measure(config: DictConfig, run: Run | None, dataset: Dataset, network: nn.Module) -> Estimate:
    last, every = config.trainer.epochs, config.trainer.checkpoint_every
    checkpointed = run.epochs if run is not None else [*range(0, last, every), last]
    epochs = epochs_to_measure(config, checkpointed)
    points = len(epochs) * len(channels(network.eval(), dataset.all.x[:2]))
    workers = os.cpu_count() or 1 if config.measure.n_jobs == -1 else config.measure.n_jobs
    n_inputs = len(getattr(dataset, config.measure.inputs))
    passes = len(epochs) * n_inputs * time_pass(config)
    seconds = (passes + points * SECONDS_A_POINT) / workers
    size = points * BYTES_A_POINT
    return Estimate(
        f"{', '.join(config.measure.measurements) or 'nothing'} at {len(epochs)} epochs, {points} "
        f"points; about {_duration(seconds)} (at {SECONDS_A_POINT:g} s a point and process, passes "
        f"through the network {_duration(passes)}), "
        f"{size_text(size)} of tables{_tables(run)}",
        seconds,
        size,
    )


def _tables(run: Run | None) -> str:
    names = sorted(path.stem for path in run.path.glob("measurements/*.parquet")) if run else []
    return f"; there are {', '.join(names)}" if names else ""


def _plot(config: DictConfig, run: Run | None, dataset: Dataset, network: nn.Module) -> Estimate:
    files = len(config.plot.figures) * len(config.plot.formats)
    return Estimate(
        f"{', '.join(config.plot.figures) or 'nothing'} as {', '.join(config.plot.formats)}; about "
        f"{_duration(files * SECONDS_A_FILE)} (at {SECONDS_A_FILE:g} s a file)",
        files * SECONDS_A_FILE,
        files * BYTES_A_FILE,
    )


def _check(config: DictConfig, run: Run | None, dataset: Dataset, network: nn.Module) -> Estimate:
    return Estimate(f"{', '.join(config.findings) or 'no findings'}; seconds")


_VERBS = {"train": _train, "measure": _measure, "plot": _plot, "check": _check}


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


def size_text(size: float) -> str:
    """``size`` in bytes, for people."""
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"
