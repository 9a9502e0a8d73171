"""The tree's boxes and ranges, and the groups of points."""

from itertools import pairwise

import numpy as np
import pytest

from ib_runner.information.density.groups import GROUP_DIAGONAL, group_points, leaf_blocks
from ib_runner.information.density.tree import build_tree


def rows(kind, n, d):
    rng = np.random.default_rng(0)
    return {
        "normal": rng.normal(size=(n, d)),
        "equal": np.ones((n, d)),
        "two values": rng.integers(0, 2, (n, d)).astype(float),
        "heavy tails": rng.standard_cauchy((n, d)) ** 3,
        "sorted": np.sort(rng.normal(size=(n, d)), 0),
    }[kind]


@pytest.mark.parametrize("kind", ["normal", "equal", "two values", "heavy tails", "sorted"])
@pytest.mark.parametrize("n", [1, 2, 65, 3000])
def test_leaves_share_out_all_rows_in_boxes_that_hold_them(kind, n):
    before = rows(kind, n, 3)
    tree = build_tree(before.copy(), 3, 32)
    assert np.array_equal(np.sort(before, 0), np.sort(tree.rows, 0))
    assert np.array_equal(before[np.lexsort(before.T)], tree.rows[np.lexsort(tree.rows.T)])
    leaves = np.flatnonzero(tree.leaf)
    leaves = leaves[np.argsort(tree.starts[leaves])]
    assert tree.starts[leaves[0]] == 0
    assert tree.stops[leaves[-1]] == n
    assert np.array_equal(tree.starts[leaves[1:]], tree.stops[leaves[:-1]])
    for node in np.flatnonzero(tree.stops > tree.starts):
        inside = tree.rows[tree.starts[node] : tree.stops[node]]
        assert np.array_equal(tree.low[node], inside.min(0))
        assert np.array_equal(tree.high[node], inside.max(0))


@pytest.mark.parametrize("kind", ["normal", "equal", "two values", "sorted"])
def test_leaves_are_small_even_among_duplicates(kind):
    tree = build_tree(rows(kind, 20_000, 3), 3, 32)
    sizes = (tree.stops - tree.starts)[tree.leaf]
    assert sizes.max() <= 4 * 32


def test_blocks_hold_the_leaves_one_row_per_dimension():
    tree = build_tree(rows("normal", 500, 3), 3, 32)
    blocks = leaf_blocks(tree)
    for leaf in np.flatnonzero(tree.leaf):
        start, stop = tree.starts[leaf], tree.stops[leaf]
        block = blocks[3 * start : 3 * stop].reshape(3, stop - start)
        assert np.array_equal(block, tree.rows[start:stop].T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.01, 5.0, 1e6])
def test_groups_are_compact_and_remember_their_places(scale, dtype):
    points = rows("normal", 1000, 4).astype(dtype)
    grouped, bounds = group_points(points, scale)
    places = grouped[:, 4].astype(int)
    assert np.array_equal(points[places], grouped[:, :4])
    assert np.array_equal(np.sort(places), np.arange(1000))
    assert bounds[0] == 0
    assert bounds[-1] == 1000
    for start, stop in pairwise(bounds):
        box = grouped[start:stop, :4]
        diagonal = np.linalg.norm(box.max(0).astype(float) - box.min(0)) * scale
        assert diagonal <= GROUP_DIAGONAL * (1 + 1e-5)
