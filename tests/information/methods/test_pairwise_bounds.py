"""Pairwise bounds against scalar arithmetic and exact values."""

import math

import pytest
import torch

from ib_runner.information.exact.quadrature import mutual_information
from ib_runner.information.methods.pairwise_bounds import pairwise_bounds


def test_two_points_by_hand():
    distance, beta = 1.5, 0.5
    square = (distance / beta) ** 2
    lower, upper = pairwise_bounds(torch.tensor([[0.0, 0.0], [0.9, 1.2]]), beta)
    assert lower == pytest.approx(-math.log((1 + math.exp(-square / 8)) / 2), abs=1e-6)
    assert upper == pytest.approx(-math.log((1 + math.exp(-square / 2)) / 2), abs=1e-6)


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0, 3.0, 10.0, 100.0])
def test_they_bracket_the_exact_value(spread):
    generator = torch.Generator().manual_seed(0)
    centres = spread * torch.randn(60, 1, generator=generator, dtype=torch.float64)
    exact = mutual_information(centres[:, 0].numpy(), 1.0).value
    lower, upper = pairwise_bounds(centres, 1.0)
    assert lower - 1e-9 <= exact <= upper + 1e-9
    assert 0.0 <= lower <= upper <= math.log(60)


def test_blocks_make_no_difference(monkeypatch):
    centres = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    whole = pairwise_bounds(centres, 0.5)
    monkeypatch.setattr("ib_runner.information.methods.pairwise_bounds._PAIRS_AT_ONCE", 7 * 300)
    assert pairwise_bounds(centres, 0.5) == pytest.approx(whole, abs=1e-12)


def test_tight_clusters_far_from_the_origin():
    clusters = torch.tensor([[1e4, 1e4], [1e4 + 1, 1e4]], dtype=torch.float64)
    lower, upper = pairwise_bounds(clusters.repeat_interleave(50, 0), 0.01)
    assert (lower, upper) == pytest.approx((math.log(2), math.log(2)), abs=1e-9)


@pytest.mark.parametrize(
    ("centres", "beta", "message"),
    [
        (torch.zeros(3), 1.0, "shape"),
        (torch.zeros(0, 2), 1.0, "shape"),
        (torch.full((2, 2), math.nan), 1.0, "finite"),
        (torch.zeros(2, 2), 0.0, "beta"),
    ],
)
def test_errors_name_the_cause(centres, beta, message):
    with pytest.raises(ValueError, match=message):
        pairwise_bounds(centres, beta)
