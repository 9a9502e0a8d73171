"""Histograms of within- and between-class pairwise distances, input included (Fig. 6 and 8).

Each unordered pair of different samples is counted once. Counts are integers, summed over tasks
that do not depend on the number of threads, so that the result does not either.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ib_runner.measurements.histogram import histogram_rows
from ib_runner.measurements.measurement import rows
from ib_runner.measurements.pairs import BLOCK, TILE_ROWS, in_blocks, scan_pairs
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.rules import MADE_EPOCHS, whole

#: rows of the matrix of pairs that are computed at a time on a GPU
_ROWS = 2048


class DistanceHistogram:
    """Histograms with ``bins`` equal bins from 0 to the diagonal of the box of a layer's values.

    ``epochs``: the epochs to make them at, as far as these are measured; None means all.
    """

    table = "distance_histogram"

    def __init__(
        self,
        bins: Annotated[int, whole(1)] = 100,
        epochs: Annotated[Sequence[int] | None, MADE_EPOCHS] = None,
    ):
        self.bins = bins
        self.epochs = epochs
        #: values and labels of layer 0, the same at all epochs of a run, and their counts
        self._of_input: tuple[Tensor, Tensor, tuple[Tensor, Tensor]] | None = None

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        return epochs if self.epochs is None else sorted(set(epochs) & set(self.epochs))

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        table = []
        labels = snapshot.inputs.y
        for layer, values in enumerate(snapshot.representations):
            diagonal = (values.amax(0) - values.amin(0)).norm().item()
            # bins must have a width even where all values coincide
            edges = torch.linspace(0.0, max(diagonal, 1e-9) * (1 + 1e-6), self.bins + 1).double()
            noisy = snapshot.noisy and layer > 0
            values = values.to(snapshot.device)
            of_layer = self._again(values, labels) if layer == 0 else None
            counted = of_layer or distance_histogram(values, labels, edges)
            if layer == 0:
                self._of_input = values, labels, counted
            for pairs, counts in zip(("within", "between"), counted, strict=True):
                head = {"epoch": snapshot.epoch, "layer": layer, "pairs": pairs, "noise": noisy}
                table += [{**head, **row} for row in histogram_rows(counts, edges)]
        return rows(table)

    def _again(self, values: Tensor, labels: Tensor) -> tuple[Tensor, Tensor] | None:
        """The counts of layer 0 where it was the same the last time."""
        if self._of_input is None:
            return None
        before, their_labels, counted = self._of_input
        same = torch.equal(before, values) and torch.equal(their_labels, labels)
        return counted if same else None


def distance_histogram(values: Tensor, labels: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Counts of Euclidean distances within and between classes: int64 [n_bins] each.

    ``values`` [n, d] are rounded to float32 (``pairs`` gives the error of a distance); ``labels``
    [n] are integers; ``edges`` [n_bins + 1] are equally spaced. A bin holds left ≤ distance <
    right, the last bin also its right edge, up to float32 rounding; distances outside are not
    counted.

    Raises ``ValueError`` for other shapes, values that are not finite, or edges that do not
    increase in equal steps.
    """
    _check(values)
    if labels.shape != values.shape[:1]:
        raise ValueError(
            f"labels of shape {tuple(labels.shape)}: one for each of {len(values)} rows"
        )
    classes = np.unique(labels.detach().cpu().numpy(), return_inverse=True)[1].astype(np.int32)
    bounds = edges.detach().to("cpu", torch.float64).numpy()
    if bounds.ndim != 1 or len(bounds) < 2 or not _equally_spaced(bounds):
        raise ValueError("the edges of a histogram must increase in equal steps")
    n_bins = len(bounds) - 1
    lowest, highest = float(bounds[0]), float(bounds[-1])
    if values.device.type == "cpu":
        counts = _scan(values.detach().float().numpy(), classes, lowest, highest, n_bins)
    else:
        counts = scan_by_products(values, classes, lowest, highest, n_bins)
    within, between = torch.from_numpy(counts.reshape(2, n_bins + 2)[:, 1:-1].copy())
    return within, between


def _check(values: Tensor) -> None:
    if values.ndim != 2 or len(values) < 2 or values.shape[1] == 0:
        raise ValueError(f"values of shape {tuple(values.shape)}: [n, d] with n ≥ 2 is needed")
    if not bool(values.detach().float().isfinite().all()):
        raise ValueError("the values hold NaN or infinity")


def _equally_spaced(edges: np.ndarray) -> bool:
    """Whether ``edges`` increase in steps that agree to a relative 1e-6 (edges may be float32)."""
    step = (edges[-1] - edges[0]) / (len(edges) - 1)
    room = 1e-6 * (step + np.abs(edges).max())
    return bool(step > room and (np.abs(np.diff(edges) - step) <= room).all())


def _scan(
    points: np.ndarray, classes: np.ndarray, lowest: float, highest: float, n_bins: int
) -> np.ndarray:
    """Counts [2·(n_bins + 2)] in the order of ``pairs._find_counters``."""
    blocks = in_blocks(points)
    n_tasks = -(-len(points) // (2 * TILE_ROWS))
    counts = np.zeros((n_tasks, 2 * (n_bins + 2)), dtype=np.int64)
    scan_pairs(
        len(counts),
        blocks,
        np.resize(classes, len(blocks) * BLOCK),
        len(points),
        np.float32(lowest),
        np.float32(highest),
        np.float32(n_bins / (highest - lowest)),
        counts,
    )
    return counts.sum(axis=0)


@torch.no_grad()
def scan_by_products(
    values: Tensor, classes: np.ndarray, lowest: float, highest: float, n_bins: int
) -> np.ndarray:
    """As ``_scan``, by float64 matrix products on any device, which is fast on a GPU.

    |a|² + |b|² − 2ab has an error of about 10⁻¹⁶·(|a|² + |b|²), which matters only for pairs closer
    than 10⁻⁶ times their distance from the centre of all points.
    """
    points = values.detach().float().double()
    points = points - points.mean(0)
    squares = points.square().sum(1)
    of = torch.from_numpy(classes).to(points.device)
    counts = torch.zeros(2 * (n_bins + 2), dtype=torch.int64, device=points.device)
    for start in range(0, len(points), _ROWS):
        block = slice(start, start + _ROWS)
        square = squares[block, None] + squares - 2.0 * (points[block] @ points.T)
        distances = square.clamp_(min=0.0).sqrt_()
        bins = ((distances - lowest) * (n_bins / (highest - lowest))).floor_()
        bins = torch.where(distances == highest, float(n_bins - 1), bins)
        bins = bins.clamp_(-1, n_bins).long() + 1
        bins += (n_bins + 2) * (of[block, None] != of)
        later = torch.arange(len(points), device=points.device)
        pairs = later > later[block, None]
        counts += torch.bincount(bins[pairs], minlength=len(counts))
    return counts.cpu().numpy()
