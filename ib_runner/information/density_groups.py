"""Points in groups of neighbours, and centres in blocks: the layout that the sums run over."""

import numba
import numpy as np

from ib_runner.information.density_tree import Tree, build_tree, partition

#: points in a group, at most
GROUP_SIZE = 32
#: the widest side of a group, in units of beta·sqrt(2 ln 2)
GROUP_WIDTH = 1.5


def group_points(points: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Reorder ``points`` [m, d] into compact groups.

    Returns the rows [m, d + 1] in their new order, their old places in the last column (in
    float64, exact), and the bounds [n_groups + 1] of the groups.
    """
    m, d = points.shape
    rows = np.column_stack([points, np.arange(m, dtype=np.float64)])
    tree = build_tree(rows, d, GROUP_SIZE)
    first = np.zeros(m + 1, np.bool_)
    _mark_groups(rows, d, tree.starts[tree.leaf], tree.stops[tree.leaf], GROUP_WIDTH / scale, first)
    first[m] = True
    return rows, np.flatnonzero(first)


@numba.njit(parallel=True, cache=True)
def _mark_groups(rows, d, starts, stops, width, first):
    """Halve every leaf until it is no wider than ``width``; mark where each part begins."""
    for i in numba.prange(starts.size):
        todo = [(starts[i], stops[i])]
        while len(todo) > 0:
            start, stop = todo.pop()
            first[start] = True
            if stop - start == 1:
                continue
            widest, side, middle = 0, -1.0, 0.0
            for k in range(d):
                low, high = rows[start:stop, k].min(), rows[start:stop, k].max()
                if high - low > side:
                    widest, side, middle = k, high - low, low + 0.5 * (high - low)
            if side > width:
                half = partition(rows, widest, middle, start, stop)
                todo.append((start, half))
                todo.append((half, stop))


@numba.njit(parallel=True, cache=True)
def _transpose_leaves(rows, starts, stops, blocks):
    d = rows.shape[1]
    for i in numba.prange(starts.size):
        count = stops[i] - starts[i]
        block = blocks[starts[i] * d : stops[i] * d].reshape(d, count)
        for j in range(count):
            for k in range(d):
                block[k, j] = rows[starts[i] + j, k]


def leaf_blocks(tree: Tree) -> np.ndarray:
    """The tree's rows [n, d] leaf by leaf, each leaf [d, count], flattened: [n·d]."""
    blocks = np.empty(tree.rows.size, tree.rows.dtype)
    _transpose_leaves(tree.rows, tree.starts[tree.leaf], tree.stops[tree.leaf], blocks)
    return blocks
