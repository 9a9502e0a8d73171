"""ResNet-18's layout on small images, with noise behind its four stages: recorded and measured.

    python examples/residual_network.py [EPOCHS]

The weights are random and so are the images: nothing is downloaded. Put your own in.
"""

import sys
from itertools import pairwise

import torch
from torch import nn

import ib_runner


class Block(nn.Module):
    """Two 3 × 3 convolutions and what they are added to."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(after), nn.BatchNorm2d(after)])
        self.past = nn.Identity()
        if stride > 1 or before != after:
            self.past = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x):
        inside = nn.functional.relu(self.norms[0](self.first(x)))
        return nn.functional.relu(self.norms[1](self.second(inside)) + self.past(x))


class ResNet18(nn.Module):
    """Four stages of two blocks; ``width`` channels in the first, twice as many in each next."""

    def __init__(self, width: int = 64, n_classes: int = 10):
        super().__init__()
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Block(a, b, 1 if k == 0 else 2), Block(b, b, 1))
                for k, (a, b) in enumerate(pairwise(widths))
            )
        )
        self.head = nn.Linear(widths[-1], n_classes)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean(dim=(2, 3)))


def noisy_resnet(width: int = 64, beta: float = 0.1) -> nn.Module:
    """A channel behind each of the four stages."""
    return ib_runner.networks.with_noise(ResNet18(width), beta=beta, after=r"re:stages\.\d")


def main(epochs: int = 2, width: int = 16, n: int = 64, output_root: str = "outputs", **settings):
    torch.manual_seed(0)
    x, y = torch.randn(n, 3, 16, 16), torch.arange(n) % 10
    noisy = noisy_resnet(width)
    print(ib_runner.networks.describe(noisy, x[:2]))
    optimizer = torch.optim.SGD(noisy.parameters(), lr=0.05, momentum=0.9)
    with ib_runner.Recorder(
        noisy, x, y, experiment="residual", output_root=output_root
    ) as recorder:
        for _ in range(epochs):
            noisy.train()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(noisy(x), y)
            loss.backward()
            optimizer.step()
            recorder.epoch(train_loss=loss)
    return recorder.run.measure(**settings)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:2])).path)
