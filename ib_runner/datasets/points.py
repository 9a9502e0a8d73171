"""A few points with a value each: the data of the smallest networks (Fig. 4 and 9)."""

from collections.abc import Sequence
from typing import Annotated

import torch

from ib_runner.datasets.dataset import Dataset, Split
from ib_runner.rules import NUMBERS


def points(
    x: Annotated[Sequence[float], NUMBERS], y: Annotated[Sequence[float], NUMBERS], seed: int
) -> Dataset:
    """Regression of ``y`` [n] on ``x`` [n]: the same data for every ``seed``.

    ``train``, ``test`` and ``all`` are the same points. Raises ``ValueError`` unless there are as
    many values as points.
    """
    del seed
    if len(x) != len(y):
        raise ValueError(f"{len(x)} points x and {len(y)} values y: one value each is needed")
    inputs, values = (torch.tensor(one, dtype=torch.float32) for one in (x, y))
    data = Split(inputs[:, None], values)
    return Dataset(train=data, test=data, all=data, n_classes=None)
