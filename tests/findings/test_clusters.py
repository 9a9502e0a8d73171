import math
from collections import Counter, defaultdict

import pytest
import torch

from ib_runner.findings.clusters import clusters
from ib_runner.information.binning import binned_entropy


def test_two_corners_and_a_loner():
    values = torch.tensor([[0.95, 0.95]] * 5 + [[-0.95, 0.95]] * 4 + [[0.0, 0.0]])
    labels = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 1])
    found = clusters(values, labels, 0.3)
    assert found.n_clusters == 2
    assert found.share == pytest.approx(0.9)
    assert found.largest == pytest.approx(0.5)
    assert found.purity == pytest.approx(8 / 9)


def test_no_clusters():
    found = clusters(torch.arange(8.0)[:, None], torch.zeros(8), 0.5)
    assert (found.n_clusters, found.share, found.largest) == (0, 0.0, 0.0)
    assert math.isnan(found.purity)


def test_agrees_with_counting_cell_by_cell():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(500, 3, generator=generator)
    labels = torch.randint(5, 9, (500,), generator=generator)
    cells = defaultdict(list)
    for row, label in zip(values.double().tolist(), labels.tolist(), strict=True):
        cells[tuple(math.ceil(v / 0.25) for v in row)].append(label)
    shared = [members for members in cells.values() if len(members) > 1]
    n = sum(map(len, shared))
    found = clusters(values, labels, 0.25)
    assert found.n_clusters == len(shared)
    assert found.share == pytest.approx(n / 500)
    commonest = sum(Counter(members).most_common(1)[0][1] for members in shared)
    assert found.purity == pytest.approx(commonest / n)


def test_one_cluster_is_one_symbol_of_the_binned_entropy():
    values = torch.tensor([[0.12], [0.13], [0.92], [0.93]])
    assert clusters(values, torch.zeros(4), 0.05).n_clusters == 2
    assert binned_entropy(values, 0.05) == pytest.approx(math.log(2))


def test_labels_must_match():
    with pytest.raises(ValueError, match="labels"):
        clusters(torch.zeros(3, 2), torch.zeros(4), 0.1)
