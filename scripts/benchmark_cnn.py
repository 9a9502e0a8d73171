"""A training step of the MNIST CNN: PyTorch alone and with the compiled kernels.

A whole step as the trainer does it: 32 images drawn and distorted, forward, backward, SGD. Both
take turns within one process, so that other work on the machine affects both alike. Prints medians
in milliseconds, wall clock and processor time, and their ratios.

    python scripts/benchmark_cnn.py [--steps 50] [--threads 1 2]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from ib_runner.datasets.augment import augment, draw, source_of, warp_by_grid
from ib_runner.datasets.dataset import Dataset, Split
from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.training.passes import Passes
from ib_runner.training.plain import PlainTrainer
from ib_runner.training.problem import problem_of
from ib_runner.training.schedule import constant

BATCH = 32
IMAGES = 2048
CONDITIONS = {
    "deterministic": NoNoise,
    "beta_0.1": partial(GaussianNoise, 0.1),
    "dropout": partial(DropoutNoise, 0.2),
}


def augment_plainly(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return warp_by_grid(images, source_of(draw(len(images), generator)))


def stepper(noise: Callable, plain: bool) -> Callable[[], None]:
    """A function that makes one step, on a new batch of images each time."""
    split = Split(torch.rand(IMAGES, 1, 28, 28), torch.randint(10, (IMAGES,)))
    trainer = PlainTrainer(
        problem_of(
            CNN(1, 10, noise),
            Dataset(split, split, split, 10, augment_plainly if plain else augment),
            loss="cross_entropy",
            batch_size=BATCH,
            optimizer=partial(torch.optim.SGD, lr=5e-3),
            regularizer=None,
            schedule=constant,
            seed=0,
            device=torch.device("cpu"),
        )
    )
    if plain:
        trainer.passes = Passes(trainer.network, "cross_entropy")
    generator = torch.Generator().manual_seed(0)
    return lambda: trainer.step(torch.randint(IMAGES, (BATCH,), generator=generator), generator)


def compare(actions: dict[str, Callable[[], object]], steps: int) -> dict[str, tuple[float, float]]:
    """Median wall-clock and processor milliseconds of each action, taken in turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    for _ in range(steps):
        for name, action in actions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            action()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: tuple(1e3 * statistics.median(column) for column in zip(*rows, strict=True))
        for name, rows in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=50, help="of each kind")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    print("threads condition      plain ms (cpu)   kernels ms (cpu)   ratio (cpu)")
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        for name, noise in CONDITIONS.items():
            actions = {"plain": stepper(noise, True), "kernels": stepper(noise, False)}
            medians = compare(actions, arguments.steps)
            (a, a_cpu), (b, b_cpu) = medians["plain"], medians["kernels"]
            print(
                f"{threads:7d} {name:13s} {a:9.2f} ({a_cpu:6.2f}) {b:10.2f} ({b_cpu:6.2f})"
                f" {b / a:9.2f} ({b_cpu / a_cpu:.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
