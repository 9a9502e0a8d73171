"""Nearest-neighbour entropies of densities whose entropy is known."""

import math

import numpy as np
import pytest
import torch

from ib_runner.information.exact.quadrature import mutual_information
from ib_runner.information.methods.nearest_neighbours import (
    neighbour_entropy,
    neighbour_information,
)


def gaussian_entropy(d: int, beta: float) -> float:
    return 0.5 * d * math.log(2 * math.pi * math.e * beta**2)


@pytest.mark.parametrize(("d", "beta", "k"), [(1, 0.005, 3), (2, 1.0, 1), (3, 0.1, 5)])
def test_gaussian(d, beta, k):
    samples = beta * torch.randn(20000, d, generator=torch.Generator().manual_seed(d))
    # standard deviation about √((d/2 + 1/k)/n) = 0.01
    assert neighbour_entropy(samples, k) == pytest.approx(gaussian_entropy(d, beta), abs=0.05)


def test_uniform_on_a_box():
    samples = torch.rand(20000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [4, 5]
    )
    assert neighbour_entropy(samples) == pytest.approx(math.log(20), abs=0.04)


def test_agrees_with_the_definition():
    samples = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)).double()
    k = 4
    distances = torch.cdist(samples, samples).sort(dim=1).values[:, k]
    harmonic = sum(1 / i for i in range(k, 60))  # ψ(60) − ψ(4)
    ball = 4 / 3 * math.pi
    expected = harmonic + math.log(ball) + 3 * float(distances.log().mean())
    assert neighbour_entropy(samples, k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("known_noise", [True, False])
def test_information_of_points_on_a_line(known_noise):
    centres = np.array([0.0, 0.1, 0.2, 0.6])
    beta = 0.05
    noise = torch.randn(4, 5000, 1, generator=torch.Generator().manual_seed(0)).double()
    samples = torch.from_numpy(centres)[:, None, None] + beta * noise
    known = gaussian_entropy(1, beta) if known_noise else None
    exact = mutual_information(centres, beta).value
    assert neighbour_information(samples, 3, known) == pytest.approx(exact, abs=0.04)


@pytest.mark.parametrize(
    ("samples", "k", "message"),
    [
        (torch.randn(3, 2), 3, "k = 3"),
        (torch.randn(3, 2), 0, "k = 0"),
        (torch.randn(6), 1, "shape"),
        (torch.full((5, 2), math.nan), 1, "needed"),
        (torch.zeros(5, 2), 3, "coincide"),
    ],
)
def test_errors_name_the_cause(samples, k, message):
    with pytest.raises(ValueError, match=message):
        neighbour_entropy(samples, k)
