"""Distance histograms against all pairs in float64."""

import math

import numba
import numpy as np
import pytest
import torch
from torch import nn

from ib_runner.datasets import Split
from ib_runner.measurements.distance_histogram import (
    DistanceHistogram,
    distance_histogram,
    scan_by_products,
)
from ib_runner.measurements.histogram import density
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks import GaussianNoise


def all_pairs(values: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances of the unordered pairs in float64, and the pairs."""
    i, j = np.triu_indices(len(values), 1)
    points = values.double().numpy()
    return np.linalg.norm(points[i] - points[j], axis=1), i, j


@pytest.mark.parametrize(
    ("n", "d"), [(2, 1), (31, 2), (257, 3), (513, 5), (700, 12), (300, 33), (270, 784)]
)
def test_counts_agree_with_all_pairs(n, d):
    generator = torch.Generator().manual_seed(n)
    values = torch.randn(n, d, generator=generator)
    labels = torch.randint(0, 3, (n,), generator=generator)
    distances, i, j = all_pairs(values)
    # the last edge leaves room for float32
    edges = torch.linspace(0.0, distances.max() * (1.0 + 1e-6), 41, dtype=torch.float64)
    within, between = distance_histogram(values, labels, edges)

    assert int(within.sum() + between.sum()) == len(distances) == n * (n - 1) // 2
    same = labels.numpy()[i] == labels.numpy()[j]
    for counts, kind in ((within, same), (between, ~same)):
        assert int(counts.sum()) == int(kind.sum())
        # the cumulative count may differ by the pairs within rounding of an edge
        for b, edge in enumerate(edges.numpy()[1:-1]):
            room = 1e-5 * edges[-1].item()
            below = int(counts[: b + 1].sum())
            assert (distances[kind] < edge - room).sum() <= below
            assert below <= (distances[kind] < edge + room).sum()


def test_distances_have_no_cancellation():
    # neighbours 2⁻¹⁰ apart at a distance of 1000: |a|² + |b|² − 2ab in float32 would give noise
    values = 1000.0 + torch.arange(3.0)[:, None].expand(-1, 784) * 2.0**-10
    step = 28.0 * 2.0**-10
    edges = torch.linspace(0.5 * step, 2.5 * step, 3)
    within, between = distance_histogram(values, torch.tensor([0, 0, 1]), edges)
    assert within.tolist() == [1, 0]
    assert between.tolist() == [1, 1]


def test_the_result_does_not_depend_on_threads():
    values = torch.randn(1500, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(1500) % 2
    edges = torch.linspace(0, 4, 101)
    before = numba.get_num_threads()
    results = []
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            results.append(torch.stack(distance_histogram(values, labels, edges)))
    finally:
        numba.set_num_threads(before)
    assert torch.equal(*results)


def test_bins_hold_their_left_edge_and_the_last_its_right_edge_too():
    # distances 1, 2, 3 (twice 1) on a line
    values = torch.tensor([[0.0], [1.0], [3.0]])
    within, between = distance_histogram(values, torch.zeros(3), torch.tensor([0.0, 1.0, 2.0, 3.0]))
    assert within.tolist() == [0, 1, 2]
    assert between.tolist() == [0, 0, 0]
    # what lies outside is not counted
    within, _ = distance_histogram(values, torch.zeros(3), torch.tensor([1.5, 2.0, 2.5]))
    assert within.tolist() == [0, 1]


def test_samples_that_coincide_are_pairs_at_distance_zero():
    within, between = distance_histogram(
        torch.ones(10, 4), torch.arange(10) % 2, torch.tensor([0.0, 1.0])
    )
    assert (within.item(), between.item()) == (20, 25)


def test_densities_integrate_to_one():
    values = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    edges = torch.linspace(0, 3, 17, dtype=torch.float64)
    for counts in distance_histogram(values, torch.arange(100) % 2, edges):
        assert float((density(counts, edges) * edges.diff()).sum()) == pytest.approx(1, abs=1e-12)
    assert density(torch.zeros(3, dtype=torch.int64), torch.arange(4.0)).tolist() == [0.0] * 3


@pytest.mark.parametrize(
    ("values", "labels", "edges", "message"),
    [
        (torch.zeros(3), torch.zeros(3), [0.0, 1.0], "shape"),
        (torch.zeros(1, 2), torch.zeros(1), [0.0, 1.0], "shape"),
        (torch.zeros(3, 2), torch.zeros(2), [0.0, 1.0], "labels"),
        (torch.full((3, 2), math.nan), torch.zeros(3), [0.0, 1.0], "NaN"),
        (torch.zeros(3, 2), torch.zeros(3), [0.0], "edges"),
        (torch.zeros(3, 2), torch.zeros(3), [0.0, 0.0], "edges"),
        (torch.zeros(3, 2), torch.zeros(3), [1.0, 0.0], "edges"),
        (torch.zeros(3, 2), torch.zeros(3), [0.0, 1.0, 3.0], "edges"),
    ],
)
def test_errors_name_the_cause(values, labels, edges, message):
    with pytest.raises(ValueError, match=message):
        distance_histogram(values, labels, torch.tensor(edges))


def test_products_count_as_differences_do():
    """What a GPU does, on the CPU: within and between, some outside of the edges."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(300, 7, generator=generator) + 100.0
    classes = (torch.arange(300) % 3).numpy().astype(np.int32)
    ours = scan_by_products(values, classes, 1.0, 4.0, 20)
    distances = torch.cdist(
        values.double(), values.double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    i, j = torch.triu_indices(300, 300, 1)
    apart = torch.from_numpy(classes)
    bins = ((distances[i, j] - 1.0) * (20 / 3.0)).floor().clamp(-1, 20).long() + 1
    expected = torch.bincount(bins + 22 * (apart[i] != apart[j]), minlength=44)
    assert ours.sum() == 300 * 299 // 2
    assert ours.tolist() == expected.tolist()


def test_counts_of_the_input_are_kept_for_the_same_input_alone():
    torch.manual_seed(0)
    x, other = torch.randn(2, 50, 3)
    y = torch.arange(50) % 2
    one = DistanceHistogram(bins=10)
    others = Split(x, torch.arange(50) % 3), Split(other, y)
    for inputs in (Split(x, y), Split(x.clone(), y), *others):
        network = nn.Sequential(nn.Linear(3, 2), GaussianNoise(0.1)).eval()
        snapshot = Snapshot(1, network, inputs, 0)
        assert one(snapshot).equals(DistanceHistogram(bins=10)(snapshot))
