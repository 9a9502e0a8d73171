"""A training step of the MNIST CNN (32 images): PyTorch alone and with the compiled kernels.

Both take turns within one process, so that whatever else the machine does hits both alike. Prints
medians in milliseconds, wall clock and processor time, and their ratios.

    python scripts/benchmark_cnn.py [--steps 50] [--threads 1 2]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from ib_runner.datasets.augment import augment
from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.training.cnn_forward import forward_of

BATCH = 32
CONDITIONS = {
    "deterministic": NoNoise,
    "beta_0.1": partial(GaussianNoise, 0.1),
    "dropout": partial(DropoutNoise, 0.2),
}


def stepper(network: CNN, forward: Callable) -> Callable[[], None]:
    """One step on a fixed batch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=5e-3)
    x, y = torch.rand(BATCH, 1, 28, 28), torch.randint(10, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(forward(x), y).backward()
        optimizer.step()

    return step


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
            plain, fast = CNN(1, 10, noise), CNN(1, 10, noise)
            actions = {"plain": stepper(plain, plain), "kernels": stepper(fast, forward_of(fast))}
            medians = compare(actions, arguments.steps)
            (a, a_cpu), (b, b_cpu) = medians["plain"], medians["kernels"]
            print(
                f"{threads:7d} {name:13s} {a:9.2f} ({a_cpu:6.2f}) {b:10.2f} ({b_cpu:6.2f})"
                f" {b / a:9.2f} ({b_cpu / a_cpu:.2f})",
                flush=True,
            )
    images, generator = torch.rand(BATCH, 1, 28, 28), torch.Generator().manual_seed(0)
    wall, _ = compare({"augment": lambda: augment(images, generator)}, arguments.steps)["augment"]
    print(f"augmentation of {BATCH} images: {wall:.2f} ms")


if __name__ == "__main__":
    main()
