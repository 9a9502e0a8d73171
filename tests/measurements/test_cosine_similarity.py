"""Cosine similarities of networks, against networks whose representations are known."""

import pytest
import torch

from ib_runner.measurements.cosine_similarity import CosineSimilarity, Member, compared
from ib_runner.runs.schema import TABLES


class Fixed:
    """Stands for a network: the layers are ``x`` through fixed matrices."""

    def __init__(self, *matrices):
        self.matrices = [torch.tensor(matrix) for matrix in matrices]

    def representations(self, x):
        return [x @ matrix for matrix in self.matrices]


TURN = [[0.0, 1.0], [-1.0, 0.0]]
HALF = [[0.5, 0.0], [0.0, 0.5]]
SAME = [[1.0, 0.0], [0.0, 1.0]]
BACK = [[-1.0, 0.0], [0.0, -1.0]]
SIXTY = [[0.5, 0.75**0.5], [-(0.75**0.5), 0.5]]


def test_angles_are_found():
    members = [Member("a", 0, Fixed(SAME, SAME)), Member("b", 0, Fixed(SIXTY, BACK))]
    x = torch.randn(1203, 2, generator=torch.Generator().manual_seed(0))
    table = CosineSimilarity(bins=7)(8, members, x)
    assert set(table.columns) == set(TABLES["cosine_similarity"])
    for layer, cosine in ((1, 0.5), (2, -1.0)):
        (hit,) = table[(table["layer"] == layer) & (table["count"] > 0)].itertuples()
        assert hit.left <= cosine <= hit.right
        assert hit.count == 1203
        assert hit.density == pytest.approx(7 / 2)
    assert set(table["epoch"]) == {8}


def test_length_does_not_count_and_a_quarter_turn_is_zero():
    members = [Member("a", 0, Fixed(SAME, HALF)), Member("b", 0, Fixed(TURN, SAME))]
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    table = CosineSimilarity(bins=21)(1, members, x)
    middles = (table["left"] + table["right"]) / 2
    found = middles[table["count"] > 0].tolist()
    assert found == pytest.approx([0.0, 1 - 1 / 21], abs=1e-9)


def test_common_seeds_are_compared_and_a_baseline_across_seeds():
    members = [Member(f"{seed}{k}", seed, None) for k in range(3) for seed in (5, 2)]
    pairs = {(members[a].run, members[b].run) for a, b in compared(members)}
    assert pairs == {
        ("50", "51"), ("50", "52"), ("51", "52"), ("20", "21"), ("20", "22"), ("21", "22"),
        ("20", "50"),
    }  # fmt: skip
