"""The data of Shwartz-Ziv & Tishby (2017), built from the vertices of a regular icosahedron.

The 12 binary inputs are the vertices; the label depends on the number w of active inputs and on
how many active pairs lie at each of the three distances: with a, b, c the numbers of active pairs
whose cosine is +1/√5, −1/√5 and −1, the label is 1 iff 23w − 5a + b − 8c ≥ 99.
"""

from typing import Annotated

import numpy as np
import torch

from ib_runner.datasets.dataset import Dataset, Split, random_split
from ib_runner.rules import FRACTION

PHI = (1 + 5**0.5) / 2
VERTICES = np.array(
    [
        (0, +1, +PHI),
        (0, +1, -PHI),
        (+PHI, 0, +1),
        (-1, -PHI, 0),
        (-PHI, 0, +1),
        (-PHI, 0, -1),
        (+1, +PHI, 0),
        (0, -1, +PHI),
        (-1, +PHI, 0),
        (0, -1, -PHI),
        (+PHI, 0, -1),
        (+1, -PHI, 0),
    ]
)


def patterns() -> np.ndarray:
    """All 4096 inputs, [4096, 12] of 0/1: row k is k in binary, most significant bit first."""
    return (np.arange(4096)[:, None] >> np.arange(11, -1, -1)) & 1


def labels(active: np.ndarray) -> np.ndarray:
    """The labels, [n] of 0/1, of patterns ``active`` [n, 12]."""
    cosines = VERTICES @ VERTICES.T / (1 + PHI**2)
    # each unordered pair once; a vertex with itself has cosine 1 and is left out
    pairs = [
        np.einsum("ni,ij,nj->n", active, np.triu(np.isclose(cosines, cosine), 1), active)
        for cosine in (5**-0.5, -(5**-0.5), -1.0)
    ]
    a, b, c = pairs
    return (23 * active.sum(1) - 5 * a + b - 8 * c >= 99).astype(np.int64)


def szt(train_fraction: Annotated[float, FRACTION], seed: int) -> Dataset:
    """The 4096 patterns as 0/1 inputs, split at random (the paper's 80/20: 3277 and 819)."""
    active = patterns()
    data = Split(torch.from_numpy(active.astype(np.float32)), torch.from_numpy(labels(active)))
    train, test = random_split(data, train_fraction, seed)
    return Dataset(train=train, test=test, all=data, n_classes=2)
