"""Kernel sums over a tree of centres, one group of neighbouring points at a time.

All squared distances are in units of 2 ln 2 · beta², so that a centre at squared distance q adds
2^(−q). Let S be the smallest sum in the group so far (a lower bound, as sums only grow) and n the
number of centres. Two kinds of centres are left out:

* while walking the tree, nodes whose nearest corner gives 2^(−q) ≤ e₁·S/n: together at most e₁·S;
* of the leaves found, taken from near to far in shells of q, those left once the bound
  sum(count·2^(−q)) over them is at most e₂·S.

What is left out is at most (e₁ + e₂)·S and what is summed at least S, so a value is too low by at
most ln(1 + e₁ + e₂) ≤ e₁ + e₂, whatever the tolerance.
"""

import numpy as np

from ib_runner.compiled import inner, parallel_range
from ib_runner.information.density.kernels import (
    LANES,
    add_exactly,
    add_power_sums,
    centre_block,
    power_sum,
)
from ib_runner.information.density.tree import Tree

_f = np.float32
#: shares of the tolerance, e₁ and e₂; the rest is left to float32 rounding
WALK_SHARE, SHELL_SHARE = 0.02, 0.7
#: a sum below this is too near to float32's least number, and is done again in float64
SMALLEST_SUM = 2.0**-60
#: leaves are summed as they are found until S reaches this; only then does pruning save time
FIRST_SUM = 2.0**-20
#: shells of width 1 in q; the walk never looks further than this
SHELLS = 128
#: a squared distance above all others
LARGEST = np.finfo(np.float64).max


@inner()
def _box_distance(low, high, node, box_low, box_high, d, scale):
    """The squared distance between a node's box and a group's."""
    square = 0.0
    for k in range(d):
        gap = max(low[node, k] - box_high[k], box_low[k] - high[node, k], 0.0) * scale
        square += gap * gap
    return square


@parallel_range()
def _sums_of_groups(begin, end, rows, bounds, blocks, tree, d, scale, tolerance, out):
    """``kernel_sums`` of groups ``begin`` to ``end`` (exclusive), into ``out``."""
    widest = _widest_leaf(tree)
    scratch = (
        np.empty((d, widest), np.float32),
        np.empty(widest, np.float32),
        np.empty(widest, np.float32),
        np.empty(tree.starts.size, np.int64),
        np.empty(tree.starts.size, np.int64),
        np.empty(tree.starts.size, np.int32),
    )
    for g in range(begin, end):
        points = rows[bounds[g] : bounds[g + 1], :d]
        into = out[bounds[g] : bounds[g + 1]]
        if not _group_sums(points, blocks, tree, scale, tolerance, scratch, into):
            for p in range(len(points)):
                into[p] = _point_sum(points[p], blocks, tree, scale, tolerance, scratch[3])


@inner()
def _widest_leaf(tree):
    """The rows of the largest leaf, rounded up to a multiple of ``LANES``."""
    most = 1
    for node in range(tree.starts.size):
        if tree.leaf[node]:
            most = max(most, tree.stops[node] - tree.starts[node])
    return (most + LANES - 1) // LANES * LANES


@inner(allocates=True)
def _group_sums(points, blocks, tree, scale, tolerance, scratch, out):
    """Fill ``out`` with the log2 sums of one group; False where float32 can't hold one of them."""
    local, minus_square, buffer, stack, found, shell_of = scratch
    m, d = points.shape
    n = tree.stops[0]
    box_low = np.empty(d)
    box_high = np.empty(d)
    for k in range(d):
        box_low[k] = box_high[k] = points[0, k]
        for p in range(1, m):
            box_low[k] = min(box_low[k], points[p, k])
            box_high[k] = max(box_high[k], points[p, k])
    origin = points[m // 2]
    doubled = np.empty((m, d), np.float32)
    weights = np.empty(m)
    for p in range(m):
        square = 0.0
        for k in range(d):
            u = (points[p, k] - origin[k]) * scale
            doubled[p, k] = _f(2.0 * u)
            square += u * u
        weights[p] = 2.0**-square
    sums = np.zeros(m)
    shells = np.zeros(SHELLS)

    # the walk, nearer child first
    least = 0.0
    top = 0
    stack[0] = 0
    n_found = 0
    limit = _reach(n, least, tolerance)
    while top >= 0:
        node = stack[top]
        top -= 1
        count = tree.stops[node] - tree.starts[node]
        if count == 0:
            continue
        square = _box_distance(tree.low, tree.high, node, box_low, box_high, d, scale)
        if square > limit:
            continue
        if tree.leaf[node]:
            if least < FIRST_SUM:
                _add_leaf(
                    tree,
                    node,
                    blocks,
                    origin,
                    scale,
                    doubled,
                    weights,
                    local,
                    minus_square,
                    buffer,
                    sums,
                )
                least = sums.min()
                limit = _reach(n, least, tolerance)
            else:
                found[n_found] = node
                shell_of[n_found] = int(square)
                shells[int(square)] += count * 2.0**-square
                n_found += 1
        else:
            near, far = 2 * node + 1, 2 * node + 2
            a = _box_distance(tree.low, tree.high, near, box_low, box_high, d, scale)
            b = _box_distance(tree.low, tree.high, far, box_low, box_high, d, scale)
            if b < a:
                near, far = far, near
            stack[top + 1] = far
            stack[top + 2] = near
            top += 2

    # the leaves found, by shells
    first = np.zeros(SHELLS + 1, np.int64)
    for i in range(n_found):
        first[shell_of[i] + 1] += 1
    for s in range(SHELLS):
        first[s + 1] += first[s]
    place = first.copy()
    for i in range(n_found):
        stack[place[shell_of[i]]] = found[i]
        place[shell_of[i]] += 1
    left = shells.sum()
    for s in range(SHELLS):
        if left <= SHELL_SHARE * tolerance * least:
            break
        for i in range(first[s], first[s + 1]):
            _add_leaf(
                tree,
                stack[i],
                blocks,
                origin,
                scale,
                doubled,
                weights,
                local,
                minus_square,
                buffer,
                sums,
            )
        least = sums.min()
        left = shells[s + 1 :].sum()
    for p in range(m):
        out[p] = np.log2(sums[p])
    return least >= SMALLEST_SUM


@inner()
def _reach(n, least, tolerance):
    """The q beyond which n centres add at most e₁·S together."""
    return min(np.log2(n / (WALK_SHARE * tolerance * max(least, SMALLEST_SUM))), SHELLS - 1.0)


@inner()
def _add_leaf(
    tree, node, blocks, origin, scale, doubled, weights, local, minus_square, buffer, sums
):
    """Add one leaf to the sums of a group."""
    m, d = doubled.shape
    start = tree.starts[node]
    count = tree.stops[node] - start
    count = centre_block(blocks, start * d, count, origin, scale, local, minus_square)
    if m == 1:
        sums[0] += power_sum(minus_square, count)
    else:
        add_power_sums(doubled, weights, local, minus_square, count, buffer, sums)


@inner(allocates=True)
def _point_sum(point, blocks, tree, scale, tolerance, stack):
    """The log2 sum of one point in float64, relative to its nearest centre."""
    point = point.astype(np.float64)
    d = point.size
    n = tree.stops[0]
    reference, total = LARGEST, 0.0
    margin = np.log2(n / ((WALK_SHARE + SHELL_SHARE) * tolerance))
    top = 0
    stack[0] = 0
    while top >= 0:
        node = stack[top]
        top -= 1
        start, count = tree.starts[node], tree.stops[node] - tree.starts[node]
        if count == 0:
            continue
        square = _box_distance(tree.low, tree.high, node, point, point, d, scale)
        if square > reference + margin:
            continue
        if tree.leaf[node]:
            reference, total = add_exactly(point, blocks, start * d, count, scale, reference, total)
        else:
            near, far = 2 * node + 1, 2 * node + 2
            a = _box_distance(tree.low, tree.high, near, point, point, d, scale)
            b = _box_distance(tree.low, tree.high, far, point, point, d, scale)
            if b < a:
                near, far = far, near
            stack[top + 1] = far
            stack[top + 2] = near
            top += 2
    return np.log2(total) - reference


def kernel_sums(
    rows: np.ndarray,
    bounds: np.ndarray,
    blocks: np.ndarray,
    tree: Tree,
    d: int,
    scale: float,
    tolerance: float,
) -> np.ndarray:
    """log2 of sum_j 2^(−|t − c_j|²) for the points in ``rows`` [m, ≥ d], [m] float64.

    ``bounds`` [n_groups + 1]: group g is rows[bounds[g]:bounds[g + 1]]. ``blocks``: the tree's rows
    as leaf blocks [d, count], flattened in tree order.
    """
    out = np.empty(len(rows))
    _sums_of_groups(len(bounds) - 1, rows, bounds, blocks, tree, d, scale, tolerance, out)
    return out
