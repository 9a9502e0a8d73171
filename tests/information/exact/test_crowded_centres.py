"""Thinned mixtures against the mixtures themselves."""

import numpy as np
import pytest

from ib_runner.information.exact.crowded_centres import N_POINTS, Cells, thinned


def density(t, units, mass):
    return mass @ np.exp(-0.5 * (t - units[:, None]) ** 2)


@pytest.fixture
def crowded():
    """Some cells hold one centre, some all the others; the two mixtures' weights differ."""
    rng = np.random.default_rng(0)
    units = np.sort(
        np.concatenate([rng.uniform(-2, 1, 5000), [7.0, 7.0, -30.5], rng.normal(size=9)])
    )
    return units, rng.dirichlet(np.full(len(units), 0.1), 2)


def test_thinned_mixtures_are_the_same(crowded):
    units, mass = crowded
    found, shares = thinned(units, mass)
    t = np.linspace(-40, 20, 4001)
    assert density(t, found, shares) == pytest.approx(density(t, units, mass), abs=2e-15)
    assert shares.sum(1) == pytest.approx([1, 1], abs=1e-14)
    assert (np.diff(found) >= 0).all()
    assert np.unique(np.floor(found), return_counts=True)[1].max() == N_POINTS
    assert set(units[[0, -1]]) <= set(found)


def test_few_centres_are_left_alone():
    units, mass = np.arange(20) * 0.1, np.full((1, 20), 0.05)
    assert thinned(units, mass) == (units, mass)


def test_cells_add_up_what_comes_block_by_block(crowded):
    units, mass = crowded
    cells = Cells(3, units[0], units[-1])
    order = np.random.default_rng(1).permutation(len(units))
    for part in np.array_split(order, 7):
        cells.add(units[part], mass[:, part], np.array([2, 0]))
    found, shares = cells.mixtures()
    t = np.linspace(-40, 20, 4001)
    expected = density(t, units, mass)
    assert density(t, found, shares)[[2, 0]] == pytest.approx(expected, abs=2e-15)
    assert not shares[1].any()
