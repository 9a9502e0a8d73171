"""Points in groups of neighbours, and centres in blocks: the layout that the sums run over."""

import numpy as np

from ib_runner.compiled import parallel_range
from ib_runner.information.density.tree import Tree, build_tree, partition

#: points in a group, at most
GROUP_SIZE = 128
#: the longest diagonal of a group's box, in units of beta·sqrt(2 ln 2): its square bounds both the
#: exponents and the cancellation in float32
GROUP_DIAGONAL = 4.0


def group_points(points: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Reorder ``points`` [m, d] into compact groups.

    Returns the rows [m, d + 1] in their new order, their old places in the last column, and the
    bounds [n_groups + 1] of the groups. The rows have the points' dtype where it holds every place
    exactly.
    """
    m, d = points.shape
    dtype = points.dtype if m <= 1 << 24 else np.float64
    rows = np.empty((m, d + 1), dtype)
    rows[:, :d] = points
    rows[:, d] = np.arange(m)
    tree = build_tree(rows, d, GROUP_SIZE)
    first = np.zeros(m + 1, np.bool_)
    diagonal = GROUP_DIAGONAL / scale
    starts, stops = tree.starts[tree.leaf], tree.stops[tree.leaf]
    _mark_groups(len(starts), rows, d, starts, stops, diagonal, first)
    first[m] = True
    return rows, np.flatnonzero(first)


@parallel_range()
def _mark_groups(begin, end, rows, d, starts, stops, diagonal, first):
    """Halve every leaf until no part's box exceeds ``diagonal``; mark where each part begins."""
    for i in range(begin, end):
        todo = [(starts[i], stops[i])]
        while len(todo) > 0:
            start, stop = todo.pop()
            first[start] = True
            widest, longest, middle, square = np.int64(0), -1.0, rows[start, 0], 0.0
            for k in range(d):
                low = high = rows[start, k]
                for j in range(start + 1, stop):
                    low = min(low, rows[j, k])
                    high = max(high, rows[j, k])
                side = high - low
                square += side * side
                if side > longest:
                    widest, longest, middle = k, side, low + side / 2
            if square > diagonal * diagonal:
                half = partition(rows, widest, middle, start, stop)
                todo.append((start, half))
                todo.append((half, stop))


@parallel_range()
def _transpose_leaves(begin, end, rows, starts, stops, blocks):
    d = rows.shape[1]
    for i in range(begin, end):
        count = stops[i] - starts[i]
        block = blocks[starts[i] * d : stops[i] * d].reshape(d, count)
        for j in range(count):
            for k in range(d):
                block[k, j] = rows[starts[i] + j, k]


def leaf_blocks(tree: Tree) -> np.ndarray:
    """The tree's rows [n, d] leaf by leaf, each leaf [d, count], flattened: [n·d]."""
    blocks = np.empty(tree.rows.size, tree.rows.dtype)
    starts, stops = tree.starts[tree.leaf], tree.stops[tree.leaf]
    _transpose_leaves(len(starts), tree.rows, starts, stops, blocks)
    return blocks
