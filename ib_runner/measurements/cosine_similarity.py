"""Cosine similarity of what two networks make of the same input (Fig. 3).

Networks that start from the same weights and see the same batches can be compared unit by unit.
Between networks of different seeds units correspond to nothing: that is the baseline.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor
from torch.nn import functional

from ib_runner.measurements.histogram import histogram_rows
from ib_runner.measurements.measurement import rows
from ib_runner.networks.cnn import CNN

#: inputs at a time: their representations by all networks are in memory together
_BLOCK = 500


class Member(NamedTuple):
    """One run of a sweep: its name, its seed, its network (eval mode)."""

    run: str
    seed: int
    network: CNN


class CosineSimilarity:
    """``bins`` equal bins from −1 to 1."""

    table = "cosine_similarity"

    def __init__(self, bins: int = 200):
        self.edges = np.linspace(-1.0, 1.0, bins + 1)

    def __call__(self, epoch: int, members: Sequence[Member], x: Tensor) -> pd.DataFrame:
        """A histogram over the inputs ``x`` [n, …] for each pair of networks and layer 1 to 4."""
        pairs = list(compared(members))
        counts: dict[tuple[int, int, int], np.ndarray] = {}
        for block in x.split(_BLOCK):
            layers = [member.network.representations(block) for member in members]
            for a, b in pairs:
                for layer, values in enumerate(zip(layers[a], layers[b], strict=True), start=1):
                    key = a, b, layer
                    counts[key] = counts.get(key, 0) + self._histogram(*values)
        return rows(
            [
                {
                    "epoch": epoch,
                    "layer": layer,
                    "run_a": members[a].run,
                    "run_b": members[b].run,
                    **row,
                }
                for (a, b, layer), count in counts.items()
                for row in histogram_rows(count, self.edges)
            ]
        )

    def _histogram(self, a: Tensor, b: Tensor) -> np.ndarray:
        cosines = functional.cosine_similarity(a.double(), b.double()).clamp(-1.0, 1.0)
        return np.histogram(cosines.numpy(), self.edges)[0]


def compared(members: Sequence[Member]) -> Iterator[tuple[int, int]]:
    """Which members to compare, by number: all with a common seed, and, for the baseline, the
    first of each seed with the first of the next.
    """
    by_seed: dict[int, list[int]] = {}
    for number, member in enumerate(members):
        by_seed.setdefault(member.seed, []).append(number)
    for numbers in by_seed.values():
        yield from combinations(numbers, 2)
    yield from pairwise(by_seed[seed][0] for seed in sorted(by_seed))
