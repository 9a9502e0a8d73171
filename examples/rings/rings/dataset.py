"""Two rings in the plane, one inside the other: a class each."""

import math

import torch

from ib_runner.datasets import Dataset, Split, random_split


def rings(n: int, radii: list[float], width: float, train_fraction: float, seed: int) -> Dataset:
    """``n`` points at random angles, their distance from the ring normal with deviation ``width``.

    The points are the same for every ``seed``, which decides the split alone.
    """
    generator = torch.Generator().manual_seed(0)
    ring = torch.arange(n) % len(radii)
    angle = 2 * math.pi * torch.rand(n, generator=generator)
    radius = torch.tensor(radii)[ring] + width * torch.randn(n, generator=generator)
    data = Split(radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1), ring)
    train, test = random_split(data, train_fraction, seed)
    return Dataset(train=train, test=test, all=data, n_classes=len(radii))
