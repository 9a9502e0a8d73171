"""Sums of all inputs' mixtures q(t|x) at points, pruned, block by block.

Coordinates are in units of β·√(2 ln 2), where the noise's kernel is 2^(−‖u‖²); all values are log2
of densities relative to the noise's peak (2πβ²)^(−d/2), which cancels in every ratio.
"""

from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, parallel_range
from ib_runner.information.interval.near import find_near
from ib_runner.information.interval.tiles import (
    FEW,
    add_tile,
    copy_record,
    mixture_at,
    place_records,
    take_record,
)

_f = np.float32
#: what ``add_mixtures`` computes: log2 of the own mixtures, with the number of all evaluations, all
OWN, NUMBER, ALL = 0, 1, 2
#: the most components of the mixture of an input, and its log2
MOST_COMPONENTS, _MOST_COMPONENTS_BITS = 32, 5.0
#: components that are summed in float32 before that partial sum is added to the total in float64
_TILE = 256
#: components of several inputs are placed in a tile together, when there are so many or more
_TOGETHER = 64
#: columns of a tile: it is summed when ``_TILE`` are filled, by so many and one more input at most
_COLUMNS = _TILE + _TOGETHER + MOST_COMPONENTS


class Queries(NamedTuple):
    """Points [n, d, m] float32 about their owners' centres, in blocks of owners that lie together.

    ``owners`` [n] are inputs; block b has the rows ``rows[starts[b]:starts[b + 1]]`` of ``points``,
    all of one class.
    """

    points: np.ndarray
    owners: np.ndarray
    rows: np.ndarray
    starts: np.ndarray


class Components(NamedTuple):
    """The mixtures of N inputs: ``records`` [K, R] (see ``mixture_fit``); the records of input x
    begin at ``offsets[x]``, relative to row x of ``centres`` [N, d] (float64); ``classes`` [N].
    """

    centres: np.ndarray
    records: np.ndarray
    offsets: np.ndarray
    classes: np.ndarray


class Sums(NamedTuple):
    """Results: log2 sums [n, m] (float64) and evaluations [blocks] (int64)."""

    own: np.ndarray
    same: np.ndarray
    total: np.ndarray
    evaluations: np.ndarray


class Scratch(NamedTuple):
    """Room for one block at a time.

    ``tile`` [R, _COLUMNS]: components, a column for each: log2 of weight/det L, L⁻¹·mean, and L⁻¹
    row by row; ``q``, ``y`` [_COLUMNS]. ``moved`` [d, _COLUMNS], ``bound`` [3, _COLUMNS] are
    float64, for placing components. ``u`` [p, d] the block's points about the middle of their box;
    ``reference`` and ``total`` [p] their sums. ``near`` [N + 1], ``distance`` [N]: inputs.
    ``shift``, ``half`` [d] (float64), ``low``, ``high``, ``middle`` [d]: of the box.
    """

    tile: np.ndarray
    q: np.ndarray
    y: np.ndarray
    moved: np.ndarray
    bound: np.ndarray
    u: np.ndarray
    reference: np.ndarray
    total: np.ndarray
    near: np.ndarray
    distance: np.ndarray
    shift: np.ndarray
    half: np.ndarray
    low: np.ndarray
    high: np.ndarray
    middle: np.ndarray


@inner(error_model="numpy")
def _add_block(queries, first, last, components, boxes, sums, wanted, scratch):
    """``add_mixtures`` for one block; returns the number of evaluations."""
    dim, m = queries.points.shape[1:]
    n = (last - first) * m
    origin = components.centres[queries.owners[queries.rows[first]]]
    tile, q, y = scratch.tile, scratch.q, scratch.y
    u, reference, total = scratch.u[:n], scratch.reference[:n], scratch.total[:n]
    shift, half, middle = scratch.shift, scratch.half, scratch.middle
    low_here, high_here = scratch.low, scratch.high
    for i in range(dim):  # numba's zeros and full take longer to compile
        shift[i] = half[i] = 0.0
        low_here[i], high_here[i] = np.inf, -np.inf
    evaluations = 0
    lowest = np.inf
    for k in range(first, last):
        row = queries.rows[k]
        owner = queries.owners[row]
        begin = components.offsets[owner]
        count = components.offsets[owner + 1] - begin
        for r in range(count):
            take_record(components.records[begin + r], shift, half, -np.inf, tile, r)
        evaluations += m * count
        for j in range(m):
            at = (k - first) * m + j
            for i in range(dim):
                u[at, i] = queries.points[row, i, j]
            own = mixture_at(tile, count, u[at], q, y)
            sums.own[row, j] = own
            lowest = min(lowest, own)
            reference[at] = own
            for i in range(dim):
                u[at, i] += components.centres[owner, i] - origin[i]
                low_here[i] = min(low_here[i], u[at, i])
                high_here[i] = max(high_here[i], u[at, i])
    if wanted == OWN:
        return evaluations
    n_near = find_near(low_here, high_here, origin, lowest, boxes, scratch.near, scratch.distance)
    for i in range(dim):
        middle[i] = (low_here[i] + high_here[i]) * _f(0.5)
        half[i] = np.float64(high_here[i] - low_here[i]) / 2 + boxes.slack
    for j in range(n):
        for i in range(dim):
            u[j, i] -= middle[i]
    of_class = components.classes[queries.owners[queries.rows[first]]]
    total[:] = 0.0
    least = lowest - boxes.bits - _MOST_COMPONENTS_BITS
    few = n_near <= FEW
    for of_own_class in (True, False):
        filled, waiting = np.int64(0), np.int64(0)
        for number in range(n_near):
            x = scratch.near[number]
            if (components.classes[x] == of_class) == of_own_class:
                for i in range(dim):
                    shift[i] = components.centres[x, i] - origin[i] - middle[i]
                for r in range(components.offsets[x], components.offsets[x + 1]):
                    record = components.records[r]
                    if few:
                        filled += take_record(record, shift, half, least, tile, filled)
                        continue
                    copy_record(record, shift, tile, filled + waiting, scratch.moved, waiting)
                    waiting += 1
            if waiting >= _TOGETHER or (waiting > 0 and number == n_near - 1):
                filled = place_records(
                    tile, filled, waiting, scratch.moved, half, least, scratch.bound
                )
                waiting = np.int64(0)
            if filled >= _TILE:
                evaluations += n * filled
                if wanted == ALL:
                    add_tile(tile, filled, u, reference, total, q, y)
                filled = np.int64(0)
        evaluations += n * filled
        if filled > 0 and wanted == ALL:
            add_tile(tile, filled, u, reference, total, q, y)
        for k in range(first, last):
            row = queries.rows[k]
            for j in range(m):
                at = (k - first) * m + j
                log2_sum = reference[at] + np.log2(total[at])
                sums.total[row, j] = log2_sum
                if of_own_class:
                    sums.same[row, j] = log2_sum
    return evaluations


@parallel_range(error_model="numpy")
def add_mixtures(begin, end, queries, components, boxes, sums, wanted):
    """Add up the mixtures of N inputs at points drawn by some of them, pruned.

    Fills ``sums``: log2 of the own mixture, of the sum over the own class, of the sum over all
    inputs, and the number of component evaluations. ``wanted``: ``ALL`` of them; ``NUMBER``: the
    evaluations are counted, and those of the own mixtures made; ``OWN``: these alone.

    An input is left out of a block's sums when it adds less than 2^(−``bits``) of the own term at
    all of the block's points: its mixture is at most 2^(−g²/w) there, with g the gap between the
    boxes of means and points along any direction v and w = vᵀMv of the widest component, as
    uᵀM⁻¹u ≥ (v·u)²/(vᵀMv) for every positive definite M (Cauchy and Schwarz). One direction, the
    same for all, bounds a range of the sorted inputs; the axes decide within it. Of M only the
    diagonal is known: vᵀMv is at most (Σ |vᵢ| √Mᵢᵢ)², and at most 1 + Σ (Mᵢᵢ − 1), as M − I is
    positive semidefinite.

    Of the inputs near, components that are below 2^(−``bits`` − 5) of the least own term in all of
    the box of the block's points (see ``take_record``) are left out too: with at most 2^5
    components, what an input loses is again below 2^(−``bits``) of the sum.

    A point gathers components of all inputs in tiles that stay in the first cache: it may be alone
    in its block, and its sums are still long rows of vector code.
    """
    starts = queries.starts
    dim, m = queries.points.shape[1:]
    most = 0
    for b in range(begin, end):
        most = max(most, (starts[b + 1] - starts[b]) * m)
    n_inputs = components.classes.size
    scratch = Scratch(
        np.empty((components.records.shape[1], _COLUMNS), np.float32),
        np.empty(_COLUMNS, np.float32),
        np.empty(_COLUMNS, np.float32),
        np.empty((dim, _COLUMNS)),
        np.empty((3, _COLUMNS)),
        np.empty((most, dim), np.float32),
        np.empty(most, np.float32),
        np.empty(most),
        np.empty(n_inputs + 1, np.int64),
        np.empty(n_inputs, np.float32),
        np.empty(dim),
        np.empty(dim),
        np.empty(dim, np.float32),
        np.empty(dim, np.float32),
        np.empty(dim, np.float32),
    )
    for b in range(begin, end):
        sums.evaluations[b] = _add_block(
            queries, starts[b], starts[b + 1], components, boxes, sums, wanted, scratch
        )
