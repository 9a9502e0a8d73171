"""Measure with one and with two worker processes of one thread each, in turn; print the ratio.

    python scripts/benchmark_parallel.py [run=PATH] [epochs=12] [rounds=3]

Without a run it trains `szt_tanh` for 60 epochs in a temporary folder. Kernels are compiled and
workers started before the clock starts. The aim: a ratio of 1.8 on two idle cores.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from omegaconf import OmegaConf

from ib_runner import cli, open_run
from ib_runner.measurements.epochs import log_spaced
from ib_runner.runs.folder import Run
from ib_runner.stages.measure_epoch import Chosen, EpochTask, Measured
from ib_runner.stages.measure_processes import in_processes


def train_small(folder: str) -> Run:
    """A short training of the SZT network."""
    status = cli.main(["train", "+exp=szt_tanh", "trainer.epochs=60", f"output_root={folder}"])
    if status:
        sys.exit(status)
    return open_run(output_root=folder)


class OneThread(EpochTask):
    """The task of `measure`, always with one thread."""

    def __call__(self, threads: int) -> Measured:
        return super().__call__(1)


def tasks_of(run: Run, epochs: Sequence[int]) -> list[EpochTask]:
    """The tasks of `measure` for ``epochs``, without the paper's slow estimator."""
    config = OmegaConf.merge(run.config, {"measure": {"methods": ["coupled"]}})
    path, settings = str(run.path.resolve()), OmegaConf.to_yaml(config, resolve=True)
    made = (Chosen("mutual_information"), Chosen("binned_entropy"))
    return [OneThread(path, (), settings, made, epoch) for epoch in epochs]


def seconds(tasks: Sequence[EpochTask], workers: int) -> float:
    """Wall-clock seconds that ``workers`` processes need for ``tasks``."""
    start = time.perf_counter()
    failures = [one for done in in_processes(tasks, workers) for one in done.failures]
    if failures:
        sys.exit(f"benchmark_parallel: {failures[0]}")
    return time.perf_counter() - start


def main(run: Run, n_epochs: int, rounds: int) -> None:
    """Print the seconds of both, round by round, and the median of their ratios."""
    epochs = log_spaced([epoch for epoch in run.epochs if epoch > 0], n_epochs)
    tasks = tasks_of(run, epochs)
    for workers in (1, 2):
        seconds(tasks[:2], workers)
    ratios = []
    for number in range(1, rounds + 1):
        one, two = seconds(tasks, 1), seconds(tasks, 2)
        ratios.append(one / two)
        print(
            f"round {number}: 1 worker {one:.2f} s, 2 workers {two:.2f} s, {ratios[-1]:.2f}",
            flush=True,
        )
    print(f"2 workers of one thread do {median(ratios):.2f} times the work of one (aim: 1.8)")


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(given["run"])) if "run" in given else train_small(folder)
        main(run, int(given.get("epochs", 12)), int(given.get("rounds", 3)))
