"""Sums over the clouds of all other inputs, against sums of every kernel in float64."""

import numpy as np
import pytest

from ib_runner.information.interval.mixtures import LN2
from ib_runner.information.interval.other_clouds import Clouds, other_clouds


def log2_densities(at, draws):
    """log2 of the plug-in densities of ``draws`` [N, d, n_x] at the places ``at`` [m, d]: [m, N]"""
    squares = np.square(at[:, None, :, None] - draws[None].astype(float)).sum(2)
    return np.logaddexp.reduce(-squares * LN2, axis=2) / LN2 - np.log2(draws.shape[2])


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 7, 20])
@pytest.mark.parametrize("spread", [0.3, 5.0])
@pytest.mark.parametrize("width", [0.0, 0.5, 30.0])
def test_every_other_cloud_counts_once(dim, spread, width):
    rng = np.random.default_rng(dim)
    length = 0.01  # of a noise unit, in the units of the centres
    centres = rng.standard_normal((60, dim)) * spread * length
    draws = (rng.standard_normal((60, dim, 70)) * width).astype(np.float32)
    owners = rng.integers(60, size=150)
    points = (draws[owners, :, 3] + rng.standard_normal((150, dim)) * 0.6).astype(np.float32)
    clouds = Clouds.of(draws, centres, length)
    at = clouds.places.centres[owners] + points
    exact = log2_densities(at, clouds.places.centres[:, :, None] + draws)
    own = exact[np.arange(150), owners]
    ratios = np.exp2(exact - own[:, None]).sum(1) - 1.0
    found = other_clouds(clouds, points, owners, own)
    assert np.log1p(found) == pytest.approx(np.log1p(ratios), abs=2e-3)
    few = other_clouds(clouds.first(5), points, owners, own)
    exact[np.arange(150), owners] = -np.inf
    of_few = log2_densities(at, clouds.places.centres[:, :, None] + draws[:, :, :5])
    of_few[np.arange(150), owners] = -np.inf
    assert np.log1p(few) == pytest.approx(np.log1p(np.exp2(of_few - own[:, None]).sum(1)), abs=2e-3)


def test_clouds_in_the_same_place_and_far_away():
    """Two inputs with the same draws, and a third 10^9 noise units from them."""
    draws = np.random.default_rng(0).standard_normal((3, 2, 100)).astype(np.float32)
    draws[1] = draws[0]
    clouds = Clouds.of(draws, np.array([[0.0, 0.0], [0.0, 0.0], [1e9, 0.0]]), 1.0)
    points = draws[:, :, 7]
    own = log2_densities(points, draws)[np.arange(3), np.arange(3)]
    found = other_clouds(clouds, points, np.arange(3), own)
    assert found == pytest.approx([1.0, 1.0, 0.0], abs=1e-4)
