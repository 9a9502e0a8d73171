"""Errors of a sweep's noisy MNIST networks without noise, with it, and with other batch statistics.

    python scripts/mnist_noise_at_test.py SWEEP EPOCH [--output results/mnist/gpu/noise_at_test.csv]

Section 8.3 switches noise off at test time. Batch norm then gets inputs whose mean and variance
differ from those in training: the maximum of four noisy units is larger than that of four clean
ones. Counts the errors of each run among the 10,000 validation images: with noise off (as in Table
1), with one draw of the noise, and with noise off after computing mean and variance again, without
noise, from the first 3000 training images, undistorted.
"""

import argparse
import copy
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from ib_runner.datasets import Dataset
from ib_runner.files.atomic import write_text
from ib_runner.networks import NoiseChannel
from ib_runner.runs.folder import Run

BLOCK, IMAGES = 250, 3000


def with_noise(network: nn.Module, on: bool) -> nn.Module:
    """A copy of ``network`` in eval mode, with its noise channels ``on`` or off."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, NoiseChannel):
            module.train(on)
    return network


@torch.no_grad()
def with_statistics_without_noise(network: nn.Module, dataset: Dataset) -> nn.Module:
    """A copy of ``network`` whose batch norms have the mean statistics of clean training images."""
    network = with_noise(network, False)
    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        norm.momentum = None
    for images in dataset.train.x[:IMAGES].split(BLOCK):
        network(images)
    return network.eval()


@torch.no_grad()
def errors(network: nn.Module, dataset: Dataset) -> int:
    """The number of misclassified validation images."""
    torch.manual_seed(0)
    x, y = dataset.test.x, dataset.test.y
    pairs = zip(x.split(BLOCK), y.split(BLOCK), strict=True)
    return sum(int((network(images).argmax(1) != labels).sum()) for images, labels in pairs)


def row(run: Run, epoch: int) -> dict[str, str | int]:
    """The three counts of one run."""
    network, dataset = run.network(epoch, run.config), run.dataset()
    clean = with_noise(network, False)
    return {
        "run": run.path.name,
        "seed": run.config.seed,
        "epoch": epoch,
        "noise_off": errors(clean, dataset),
        "noise_on": errors(with_noise(network, True), dataset),
        "statistics_without_noise": errors(
            with_statistics_without_noise(network, dataset), dataset
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("epoch", type=int)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = []
    for path in sorted(arguments.sweep.glob("*/run.json")):
        rows.append(row(Run(path.parent), arguments.epoch))
        print(rows[-1], flush=True)
    if arguments.output:
        write_text(arguments.output, pd.DataFrame(rows).to_csv(index=False))


if __name__ == "__main__":
    main()
