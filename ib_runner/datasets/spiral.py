"""Two interleaved spiral arms, one for each class (Fig. 11).

The paper prints no equation. Here arm 0 is an Archimedean spiral whose points have equal areas
between their circles:

    r_k = radius·√((k + ½)/m),    θ_k = 2π·turns·r_k/radius,    k = 0, …, m − 1,    m = n/2,

and arm 1 is arm 0 turned by half a circle, that is −x.
"""

import math
from typing import Annotated

import torch

from ib_runner.datasets.dataset import Dataset, Split, random_split
from ib_runner.rules import FRACTION, POSITIVE, even


def spiral(
    n: Annotated[int, even(4)],
    turns: Annotated[float, POSITIVE],
    radius: Annotated[float, POSITIVE],
    train_fraction: Annotated[float, FRACTION],
    seed: int,
) -> Dataset:
    """``n`` points (even) in the plane, input 2k on arm 0 and 2k + 1 on arm 1, split at random.

    No noise: the points are the same for every ``seed``.
    """
    u = ((torch.arange(n // 2, dtype=torch.float64) + 0.5) / (n // 2)).sqrt()
    angle = 2 * math.pi * turns * u
    arm = radius * u[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    x = torch.stack([arm, -arm], dim=1).reshape(n, 2).float()
    data = Split(x, torch.arange(n) % 2)
    train, test = random_split(data, train_fraction, seed)
    return Dataset(train=train, test=test, all=data, n_classes=2)
