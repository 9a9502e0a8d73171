"""Cosine similarity of two networks' representations of the same input (Fig. 3).

Networks that start from the same weights and see the same batches can be compared unit by unit.
Hidden units of networks with different seeds do not correspond: their similarity is the baseline.
Logits have no such baseline, because each stands for the same class in every network.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Annotated

import pandas as pd
import torch
from torch import Tensor

from ib_runner.errors import UsageError
from ib_runner.measurements.histogram import histogram_rows
from ib_runner.measurements.measurement import rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.progress import Progress
from ib_runner.rules import whole

#: inputs at a time, whose representations by all networks are in memory together
_BLOCK = 500


class CosineSimilarity:
    """Histograms of cosine similarities between a sweep's runs, without noise.

    ``bins`` is the number of equal bins from −1 to 1.
    """

    table = "cosine_similarity"

    def __init__(self, bins: Annotated[int, whole(1)] = 200):
        self.bins = bins
        self.edges = torch.linspace(-1.0, 1.0, bins + 1, dtype=torch.float64)

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        """The last epoch that was measured in all runs."""
        return epochs[-1:]

    def over_runs(self, snapshots: Mapping[str, Snapshot]) -> pd.DataFrame:
        """A histogram over the inputs for every layer and compared pair of runs (``compared``).

        Raises ``UsageError`` where two runs to compare differ in inputs or layers.
        """
        pairs = list(compared({run: one.seed for run, one in snapshots.items()}))
        counts: dict[tuple[str, str, int], Tensor] = {}
        for layers in _in_blocks(snapshots, {run for pair in pairs for run in pair}):
            for a, b in pairs:
                for layer, (values_a, values_b) in enumerate(_alike(a, b, layers), start=1):
                    found, _ = cosine_histogram(values_a, values_b, self.bins)
                    counts[a, b, layer] = counts.get((a, b, layer), 0) + found
        return rows(
            [
                {"epoch": snapshots[a].epoch, "layer": layer, "run_a": a, "run_b": b, **row}
                for (a, b, layer), count in counts.items()
                for row in histogram_rows(count, self.edges)
            ]
        )


def compared(seeds: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """The pairs of runs to compare, from the ``seeds`` by run name.

    All pairs with a common seed, and for the baseline the first run of each seed with the first run
    of the next seed.
    """
    by_seed: dict[int, list[str]] = {}
    for run, seed in seeds.items():
        by_seed.setdefault(seed, []).append(run)
    for runs in by_seed.values():
        yield from combinations(runs, 2)
    yield from pairwise(by_seed[seed][0] for seed in sorted(by_seed))


def _in_blocks(
    snapshots: Mapping[str, Snapshot], needed: set[str]
) -> Iterator[dict[str, list[Tensor]]]:
    """For one block of inputs after another: layers 1, 2, … by the name of the run."""
    chosen = {run: snapshot for run, snapshot in snapshots.items() if run in needed}
    inputs = {run: snapshot.inputs.x.split(_BLOCK) for run, snapshot in chosen.items()}
    n_blocks = {run: len(blocks) for run, blocks in inputs.items()}
    if len(set(n_blocks.values())) > 1:
        raise UsageError(_unlike([*n_blocks]))
    total = max(n_blocks.values(), default=0)
    what = f"measure: cosines between {len(chosen)} runs"
    with Progress(total, what, "block") as progress:
        for block in range(total):
            yield {
                run: snapshot.represent(inputs[run][block], torch.float32)[1:]
                for run, snapshot in chosen.items()
            }
            progress.update()


def _alike(a: str, b: str, layers: Mapping[str, list[Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    if [one.shape for one in layers[a]] != [one.shape for one in layers[b]]:
        raise UsageError(_unlike((a, b)))
    return zip(layers[a], layers[b], strict=True)


def _unlike(runs: Sequence[str]) -> str:
    return (
        f"measure.measurements: cosine_similarity compares runs with the same inputs and layers; "
        f"{', '.join(runs)} differ in them."
    )


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """The cosine, float64 [n], of the angle between row i of ``a`` and of ``b``, [n, …] each.

    NaN where a row is zero and has no direction. Raises ``ValueError`` where the shapes differ.
    """
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(f"representations of shapes {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = (rows.detach().flatten(1).to(torch.float64) for rows in (a, b))
    return ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))).clamp(-1.0, 1.0)


def cosine_histogram(a: Tensor, b: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Counts, int64 [n_bins], of the rows' cosine similarities, and the bins' edges on [−1, 1].

    A bin holds left ≤ cosine < right, the last bin also 1. Rows without direction are left out.
    """
    edges = torch.linspace(-1.0, 1.0, n_bins + 1, dtype=torch.float64)
    cosines = cosine_similarity(a, b)
    bins = torch.bucketize(cosines[~cosines.isnan()], edges[1:-1], right=True)
    return torch.bincount(bins, minlength=n_bins), edges
