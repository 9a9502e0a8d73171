"""A k-d tree over rows of coordinates, built in place by sampled medians.

Nodes are numbered like a heap: the children of node i are 2i + 1 and 2i + 2. A node is a range of
the reordered rows and the smallest box around them. Splits only affect speed: boxes are exact.
"""

from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, njit, parallel_range

#: rows looked at to choose a node's splitting dimension and place
SAMPLE = 64
#: nodes of this level are split by one task each
PARALLEL_LEVEL = 6
#: with fewer rows one thread is done before others have begun
PARALLEL_ROWS = 1 << 18
#: levels below the balanced depth, for sampled medians that fell to one side
SPARE_LEVELS = 2


class Tree(NamedTuple):
    """``rows`` in tree order; ``starts``, ``stops`` [n_nodes]: a node's rows; ``low``, ``high``
    [n_nodes, d]: its box; node i is a leaf where ``leaf[i]``, and does not exist where it is empty.
    """

    rows: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    leaf: np.ndarray
    low: np.ndarray
    high: np.ndarray


def build_tree(rows: np.ndarray, d: int, leaf_size: int) -> Tree:
    """The tree over the first ``d`` columns of ``rows`` [n, ≥ d], which it reorders in place.

    Further columns are carried along. Leaves hold at most about ``leaf_size`` rows.
    """
    n = len(rows)
    levels = max(0, int(np.ceil(np.log2(n / leaf_size))) + SPARE_LEVELS)
    n_nodes = (2 << levels) - 1
    starts = np.zeros(n_nodes, np.int64)
    stops = np.zeros(n_nodes, np.int64)
    leaf = np.zeros(n_nodes, np.bool_)
    low = np.empty((n_nodes, d), rows.dtype)
    high = np.empty((n_nodes, d), rows.dtype)
    stops[0] = n
    shared = min(levels, PARALLEL_LEVEL) if n >= PARALLEL_ROWS else 0
    for level in range(shared):
        _split_nodes(1 << level, rows, d, leaf_size, (1 << level) - 1, starts, stops, leaf)
    nodes = starts, stops, leaf, low, high
    _grow(1 << shared, rows, d, leaf_size, shared, levels, *nodes)
    _enclose_above(rows, d, (1 << shared) - 1, *nodes)
    return Tree(rows, starts, stops, leaf, low, high)


@parallel_range()
def _split_nodes(begin, end, rows, d, leaf_size, first, starts, stops, leaf):
    """Split nodes number ``first`` + ``begin`` to ``first`` + ``end`` (exclusive)."""
    for node in range(first + begin, first + end):
        _split(rows, d, leaf_size, node, starts, stops, leaf)


@parallel_range()
def _grow(begin, end, rows, d, leaf_size, shared, levels, starts, stops, leaf, low, high):
    """All that is below nodes ``begin`` to ``end`` (exclusive) of level ``shared``, and boxes."""
    first = (1 << shared) - 1
    for i in range(begin, end):
        root = first + i
        for level in range(levels - shared + 1):
            # the descendants of root at this depth
            left = ((root + 1) << level) - 1
            for node in range(left, left + (1 << level)):
                if level == levels - shared:
                    leaf[node] = stops[node] > starts[node]
                else:
                    _split(rows, d, leaf_size, node, starts, stops, leaf)
        for level in range(levels - shared, -1, -1):
            left = ((root + 1) << level) - 1
            for node in range(left, left + (1 << level)):
                _enclose(rows, d, node, starts, stops, leaf, low, high)


@njit()
def _enclose_above(rows, d, first, starts, stops, leaf, low, high):
    """The boxes of all nodes before number ``first``, children before parents."""
    for node in range(first - 1, -1, -1):
        _enclose(rows, d, node, starts, stops, leaf, low, high)


@inner()
def _enclose(rows, d, node, starts, stops, leaf, low, high):
    """The node's box: from its rows if it is a leaf, else from its children's boxes."""
    low[node] = np.inf
    high[node] = -np.inf
    if leaf[node]:
        for j in range(starts[node], stops[node]):
            for k in range(d):
                low[node, k] = min(low[node, k], rows[j, k])
                high[node, k] = max(high[node, k], rows[j, k])
    elif stops[node] > starts[node]:
        for child in (2 * node + 1, 2 * node + 2):
            if stops[child] > starts[child]:
                for k in range(d):
                    low[node, k] = min(low[node, k], low[child, k])
                    high[node, k] = max(high[node, k], high[child, k])


@inner()
def _split(rows, d, leaf_size, node, starts, stops, leaf):
    """Give the node's rows to two children, or make it a leaf."""
    start, stop = starts[node], stops[node]
    if stop - start <= leaf_size:
        leaf[node] = stop > start
        return
    k, pivot = choose_split(rows, d, start, stop)
    middle = partition(rows, k, pivot, start, stop)
    starts[2 * node + 1], stops[2 * node + 1] = start, middle
    starts[2 * node + 2], stops[2 * node + 2] = middle, stop


@inner(allocates=True)
def choose_split(rows, d, start, stop):
    """The dimension in which a sample varies most, and the sample's median in it."""
    count = min(SAMPLE, stop - start)
    stride = (stop - start) // count
    best, widest = 0, -1.0
    for k in range(d):
        origin, mean, square = rows[start, k], 0.0, 0.0
        for s in range(count):
            x = rows[start + s * stride, k] - origin
            mean += x
            square += x * x
        variance = square - mean * mean / count
        if variance > widest:
            best, widest = k, variance
    sample = np.empty(count, rows.dtype)
    for s in range(count):
        # insertion sort: the sample is short, and the library's sort takes seconds to compile
        x, place = rows[start + s * stride, best], s
        while place > 0 and sample[place - 1] > x:
            sample[place] = sample[place - 1]
            place -= 1
        sample[place] = x
    return best, sample[count // 2]


@inner()
def partition(rows, k, pivot, start, stop):
    """Partition rows[start:stop], at least two, by column k; returns where the second part begins.

    Neither part is empty.

    Scans stop at values equal to the pivot, which shares out duplicates evenly.
    """
    i, j = start, stop - 1
    while True:
        while i < stop - 1 and rows[i, k] < pivot:
            i += 1
        while j > start and rows[j, k] > pivot:
            j -= 1
        if i >= j:
            break
        for c in range(rows.shape[1]):
            rows[i, c], rows[j, c] = rows[j, c], rows[i, c]
        i += 1
        j -= 1
    return min(max(j + 1, start + 1), stop - 1)
