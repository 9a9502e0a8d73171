"""A small network of a user's own, its data, and a factory for it."""

import numpy as np
import torch
from torch import nn

from ib_runner.networks import GaussianNoise

BETA = 0.1


def small(width: int = 3, beta: float = BETA) -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, width), nn.Tanh(), GaussianNoise(beta),
        nn.Linear(width, 2), nn.Tanh(), GaussianNoise(beta), nn.Linear(2, 2),
    )  # fmt: skip


def with_relu() -> nn.Module:
    """Another network with weights of the same names and shapes."""
    network = small()
    network[4] = nn.ReLU()
    return network


def inputs(n: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """All combinations of four signs, with the label whether the first two agree."""
    x = np.array([[1.0 - 2 * ((k >> bit) & 1) for bit in range(4)] for k in range(n)])
    return x, (x[:, 0] == x[:, 1]).astype(np.int32)


def train_once(network: nn.Module, seed: int = 0) -> float:
    """Make a step of gradient descent; returns the loss before it."""
    torch.manual_seed(seed)
    x, y = (torch.as_tensor(one) for one in inputs())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(network(x.float()), y.long())
    loss.backward()
    optimizer.step()
    return float(loss.detach())
