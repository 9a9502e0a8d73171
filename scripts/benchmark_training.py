"""Time a training step (batch 256, Adam, Gaussian noise) against a plain PyTorch loop.

    python scripts/benchmark_training.py [rounds]

Both train the SZT network on one thread, in turn, in one process; medians over the rounds.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from torch import nn

from ib_runner.datasets import Dataset
from ib_runner.datasets.szt import szt
from ib_runner.networks import FCN, GaussianNoise
from ib_runner.training.fused import FusedTrainer
from ib_runner.training.problem import Problem, part
from ib_runner.training.schedule import constant

BATCH_SIZE = 256
PLAIN_EPOCHS, OUR_EPOCHS = 3, 30


def new_network() -> nn.Module:
    """The SZT tanh network."""
    torch.manual_seed(0)
    return FCN(12, 2, [10, 7, 5, 4, 3], "tanh", partial(GaussianNoise, 0.005))


def plain_loop(data: Dataset) -> Callable[[int], None]:
    """A function that trains one epoch by a plain PyTorch loop."""
    network = new_network().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-4)
    criterion = nn.CrossEntropyLoss()

    def run_epoch(epoch: int) -> None:
        for batch in torch.randperm(len(data.train)).split(BATCH_SIZE):
            optimizer.zero_grad()
            criterion(network(data.train.x[batch]), data.train.y[batch]).backward()
            optimizer.step()

    return run_epoch


def our_trainer(data: Dataset) -> FusedTrainer:
    """The trainer that ib-run uses for this network."""
    network = new_network()
    device = torch.device("cpu")
    return FusedTrainer(
        Problem(
            network=network,
            train=part(data.train, data, device),
            test=part(data.test, data, device),
            classes=True,
            loss="cross_entropy",
            batch_size=BATCH_SIZE,
            optimizer=torch.optim.Adam(network.parameters(), lr=4e-4),
            regularizer=None,
            schedule=constant,
            seed=0,
        )
    )


def milliseconds(run: Callable[[int], object], times: int) -> float:
    """Mean time of a call in ms."""
    start = time.perf_counter()
    for number in range(1, times + 1):
        run(number)
    return (time.perf_counter() - start) / times * 1e3


def main(rounds: int) -> None:
    """Print the milliseconds of a step by both, their ratio, and the time of an epoch's scores."""
    torch.set_num_threads(1)
    data = szt(train_fraction=0.8, seed=0)
    plain, ours = plain_loop(data), our_trainer(data)
    train = ours.problem.train
    ours.run_epoch(1), ours.score(train), plain(1)  # compile, warm up
    steps = -(-len(data.train) // BATCH_SIZE)
    times = {"plain": [], "ours": [], "scores": []}
    for _ in range(rounds):
        times["plain"].append(milliseconds(plain, PLAIN_EPOCHS) / steps)
        times["ours"].append(milliseconds(ours.run_epoch, OUR_EPOCHS) / steps)
        times["scores"].append(
            milliseconds(lambda _: ours.score(train), OUR_EPOCHS)  # of both
        )
    ratio = median(b / a for a, b in zip(times["plain"], times["ours"], strict=True))
    print(f"plain loop          {median(times['plain']):7.3f} ms a step")
    print(f"this package        {median(times['ours']):7.3f} ms a step, scores included")
    print(f"ratio               {ratio:7.3f}")
    print(f"scores of an epoch  {median(times['scores']):7.3f} ms for {len(data.all)} inputs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
