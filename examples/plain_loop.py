"""A training loop of one's own, recorded, measured and made a page of.

python examples/plain_loop.py [EPOCHS]
"""

import sys

import torch
from torch import nn

import ib_runner


def main(epochs: int = 200, output_root: str = "outputs", **settings):
    torch.manual_seed(0)
    x = torch.randn(512, 8)
    y = (x[:, 0] * x[:, 1] > 0).long()
    network = nn.Sequential(
        nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3), nn.Tanh(), nn.Linear(3, 2)
    )  # fmt: skip
    noisy = ib_runner.networks.with_noise(network, beta=0.1, after=nn.Tanh)
    optimizer = torch.optim.Adam(noisy.parameters(), lr=0.01)
    with ib_runner.Recorder(
        noisy, x, y, experiment="plain_loop", output_root=output_root
    ) as recorder:
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(noisy(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
            recorder.epoch(train_loss=loss)
    run = recorder.run
    run.measure(**settings)
    print(run.report())
    return run


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
