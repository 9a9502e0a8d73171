"""Pairwise distances within and between classes (the histograms of Fig. 5 and Supplement 8).

Unordered pairs of different samples, each counted once. Counts are integers, summed over tasks
that don't depend on how many threads share them: neither does the result.
"""

import numba
import numpy as np
import torch
from torch import Tensor

from ib_runner.geometry.pairs import BLOCK, TILE_ROWS, fill_tile, in_blocks


def distance_histogram(values: Tensor, labels: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Counts of Euclidean distances within and between classes: int64 [n_bins] each.

    ``values`` [n, d] are taken as float32, see ``pairs`` for the error of a distance; ``labels``
    [n] are integers; ``edges`` [n_bins + 1] are equally spaced. A bin holds
    left ≤ distance < right, the last one its right edge too, edges met to within float32
    rounding; distances outside are not counted.

    Raises ``ValueError`` for other shapes, values that are not finite, or edges that don't
    increase in equal steps.
    """
    points = _checked(values)
    if labels.shape != values.shape[:1]:
        raise ValueError(
            f"labels of shape {tuple(labels.shape)}: one for each of {len(values)} rows"
        )
    classes = np.unique(labels.detach().cpu().numpy(), return_inverse=True)[1].astype(np.int32)
    bounds = edges.detach().to("cpu", torch.float64).numpy()
    if bounds.ndim != 1 or len(bounds) < 2 or not _equally_spaced(bounds):
        raise ValueError("the edges of a histogram must increase in equal steps")
    n_bins = len(bounds) - 1
    counts, _ = _scan(points, classes, float(bounds[0]), float(bounds[-1]), n_bins)
    within, between = torch.from_numpy(counts.reshape(2, n_bins + 2)[:, 1:-1].copy())
    return within, between


def largest_distance(values: Tensor) -> float:
    """The largest distance of any two of ``values`` [n, d], as the histogram computes it: a last
    edge there leaves no pair out. Raises ``ValueError`` as :func:`distance_histogram`.
    """
    points = _checked(values)
    return _scan(points, np.zeros(len(points), dtype=np.int32), 0.0, 1.0, 1)[1]


def _checked(values: Tensor) -> np.ndarray:
    if values.ndim != 2 or len(values) < 2 or values.shape[1] == 0:
        raise ValueError(f"values of shape {tuple(values.shape)}: [n, d] with n ≥ 2 is needed")
    points = values.detach().to("cpu", torch.float32).numpy()
    if not np.isfinite(points).all():
        raise ValueError("the values hold NaN or infinity")
    return points


def _equally_spaced(edges: np.ndarray) -> bool:
    """Whether the edges increase in steps equal to within a millionth (they may be float32)."""
    step = (edges[-1] - edges[0]) / (len(edges) - 1)
    room = 1e-6 * (step + np.abs(edges).max())
    return bool(step > room and (np.abs(np.diff(edges) - step) <= room).all())


def _scan(
    points: np.ndarray, classes: np.ndarray, lowest: float, highest: float, n_bins: int
) -> tuple[np.ndarray, float]:
    """Counts [2·(n_bins + 2)], as :func:`_find_counters` numbers them, and the largest distance."""
    blocks = in_blocks(points)
    n_tasks = -(-len(points) // (2 * TILE_ROWS))
    counts = np.zeros((n_tasks, 2 * (n_bins + 2)), dtype=np.int64)
    largest = np.zeros((n_tasks, BLOCK), dtype=np.float32)
    _run_tasks(
        blocks,
        np.resize(classes, len(blocks) * BLOCK),
        len(points),
        np.float32(lowest),
        np.float32(highest),
        np.float32(n_bins / (highest - lowest)),
        counts,
        largest,
    )
    return counts.sum(axis=0), float(largest.max())


@numba.njit(cache=True)
def _find_counters(distances, label, labels, lowest, highest, bins_per_unit, n_bins, counters):
    """Number of the counter for each distance: below, n_bins bins, above; within, then between."""
    top = np.float32(n_bins + 1)
    for j in range(BLOCK):
        position = (distances[j] - lowest) * bins_per_unit + np.float32(1.0)
        limit = top if distances[j] > highest else np.float32(n_bins)
        bin_ = np.int32(min(max(position, np.float32(0.0)), limit))
        counters[j] = bin_ + (np.int32(n_bins + 2) if labels[j] != label else np.int32(0))


@numba.njit(cache=True)
def _run_task(task, blocks, labels, n, lowest, highest, bins_per_unit, counts, largest):
    """Two row tiles against all that follows: one from the front, which meets many blocks, and
    one from the back, which meets few, so that all tasks cost the same.
    """
    n_tasks, n_counters = counts.shape
    tile = np.empty((TILE_ROWS, BLOCK), dtype=np.float32)
    counters = np.empty(BLOCK, dtype=np.int32)
    # neighbours in a row often fall into the same bin: with two sets of counters an increment
    # need not wait for the one before
    even = np.zeros(n_counters, dtype=np.int64)
    odd = np.zeros(n_counters, dtype=np.int64)
    for first in (task * TILE_ROWS, (2 * n_tasks - 1 - task) * TILE_ROWS):
        if first >= n:
            continue
        for block in range(first // BLOCK, blocks.shape[0]):
            fill_tile(blocks[first // BLOCK], first % BLOCK, blocks[block], tile)
            start = block * BLOCK
            there = labels[start : start + BLOCK]
            end = min(BLOCK, n - start)
            for i in range(first, min(first + TILE_ROWS, n)):
                distances = tile[i - first]
                for j in range(end):
                    largest[task, j] = max(largest[task, j], distances[j])
                _find_counters(
                    distances, labels[i], there, lowest, highest, bins_per_unit,
                    n_counters // 2 - 2, counters,
                )  # fmt: skip
                begin = max(i + 1 - start, 0)
                for j in range(begin, end - 1, 2):
                    even[counters[j]] += 1
                    odd[counters[j + 1]] += 1
                if end > begin and (end - begin) % 2:
                    even[counters[end - 1]] += 1
    for c in range(n_counters):
        counts[task, c] = even[c] + odd[c]


@numba.njit(cache=True, parallel=True)
def _run_tasks(blocks, labels, n, lowest, highest, bins_per_unit, counts, largest):
    for task in numba.prange(counts.shape[0]):
        _run_task(
            np.int64(task), blocks, labels, n, lowest, highest, bins_per_unit, counts, largest
        )
