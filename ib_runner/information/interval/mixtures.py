"""q(t|x) of one layer, for all inputs: a Gaussian mixture for each cloud, and sums of them.

Keeps the mixtures that ``mixture_fit`` fits to clouds, block by block; ``mixture_kernel``
sums them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ib_runner.information.interval.mixture_fit import fit_gaussian_mixtures, record_length
from ib_runner.information.interval.mixture_kernel import (
    ALL,
    MOST_COMPONENTS,
    NUMBER,
    OWN,
    Components,
    Queries,
    Sums,
    add_mixtures,
)
from ib_runner.information.interval.near import Boxes, halve

#: largest part of a sum that pruning may leave out, relative to the term of the point's own input
PRUNED = 1e-4
LN2 = float(np.log(2.0))
#: the most points of several inputs that are evaluated together, and the largest distance between
#: these inputs, in noise units, for which float32 coordinates are exact enough
_BLOCK_POINTS, _COMPACT = 512, 8.0
#: a point whose own density is below 2^−2000 is too improbable to have been drawn from any cloud
_FAR = 2000.0
#: coordinates, in noise units, above which float32 boxes are too coarse
_WIDE = 1e6


def unit(beta: float) -> float:
    """The length in which the noise's kernel exp(−r²/2β²) is 2^(−r²): β·√(2 ln 2)."""
    return beta * np.sqrt(2.0 * LN2)


@dataclass(frozen=True)
class Mixtures:
    """The mixtures of N inputs: component records, and where each input's begin ([N + 1])."""

    records: np.ndarray
    offsets: np.ndarray
    boxes: np.ndarray

    @property
    def n_components(self) -> float:
        """Components per input, on average."""
        return len(self.records) / (len(self.offsets) - 1)


def fit(clouds: np.ndarray, n_components: int) -> Mixtures:
    """Mixtures of up to ``n_components`` Gaussians for clouds [N, d, n] in noise units.

    Raises ``ValueError`` for more components than the sums have room for.
    """
    if n_components > MOST_COMPONENTS:
        raise ValueError(f"n_components = {n_components}: at most {MOST_COMPONENTS}")
    n, dim, _ = clouds.shape
    records = np.empty((n, n_components, record_length(dim)), np.float32)
    counts = np.empty(n, np.int64)
    boxes = np.empty((n, 3, dim), np.float32)
    fit_gaussian_mixtures(n, clouds, 0.5 / LN2, records, counts, boxes)
    used = np.arange(n_components) < counts[:, None]
    return Mixtures(records[used], np.concatenate([[0], np.cumsum(counts)]), boxes)


def join(parts: list[Mixtures]) -> Mixtures:
    """The mixtures of consecutive blocks of inputs as one."""
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Mixtures(
        np.concatenate([part.records for part in parts]),
        np.concatenate([[0], np.cumsum(counts)]),
        np.concatenate([part.boxes for part in parts]),
    )


@dataclass(frozen=True)
class Places:
    """``centres`` [N, d] in noise units; ``moved``: whether gaps between them were narrowed."""

    centres: np.ndarray
    moved: bool


def places_of(centres: np.ndarray, length: float, boxes: np.ndarray) -> Places:
    """``centres`` [N, d] in noise units, with wide gaps along an axis narrowed; sums stay the same.

    Let R be the largest distance of a component's mean from its centre, plus √(4000·w) for its
    width w. If a gap of 2R or more divides two inputs, the density of one is below 2^−4000 wherever
    the other's own density is above 2^−2000. So a gap may be set to 2R; coordinates are sums of
    gaps, and lose no digits to the distance from the origin or between groups.
    """
    centres = np.asarray(centres, dtype=np.float64)
    boxes = boxes.astype(np.float64)
    with np.errstate(over="ignore"):
        found, moved = (centres - centres.mean(0)) / length, False
    if np.abs(found).max() <= _WIDE:
        return Places(found, moved)
    for axis in range(centres.shape[1]):
        order = np.argsort(centres[:, axis], kind="stable")
        with np.errstate(over="ignore"):  # an infinite gap is narrowed like any wide one
            gaps = np.diff(centres[order, axis]) / length
        reach = np.abs(boxes[:, :2, axis]).max() + np.sqrt(2.0 * _FAR * boxes[:, 2, axis].max())
        moved = moved or bool((gaps > 2.0 * reach).any())
        at = np.concatenate([[0.0], np.cumsum(np.minimum(gaps, 2.0 * reach))])
        found[order, axis] = at - at.mean()
    return Places(found, moved)


@dataclass(frozen=True)
class Densities:
    """The densities q(t|x) of N inputs: ``mixtures``, relative to their rows of ``centres`` [N, d].

    The centres are in the units of S, in which a noise unit has ``length``.
    """

    centres: np.ndarray
    mixtures: Mixtures
    length: float = 1.0

    @cached_property
    def places(self) -> Places:
        """The centres in noise units."""
        return places_of(self.centres, self.length, self.mixtures.boxes)

    @cached_property
    def boxes(self) -> Boxes:
        """Where the mixtures' components are."""
        return sorted_boxes(self.places.centres, self.mixtures.boxes)


@dataclass(frozen=True)
class MixtureSums:
    """log2 densities at points [n, m], relative to the noise's peak.

    ``own``: q(t|x) of the input that drew the point; ``same``: the sum over inputs of its class;
    ``total``: over all inputs.
    """

    own: np.ndarray
    same: np.ndarray
    total: np.ndarray
    evaluations: int


def mixture_sums(
    points: np.ndarray, owners: np.ndarray, densities: Densities, classes: np.ndarray
) -> MixtureSums:
    """Sums of all N mixtures at ``points`` [n, d, m] drawn by the inputs ``owners`` [n].

    Points are in noise units, relative to their input's centre. ``classes`` [N] are integers.
    Pruning takes at most the share ``PRUNED`` from each sum.
    """
    n, _, m = points.shape
    own, same, total = (np.empty((n, m)) for _ in range(3))
    sums = (own, same, total)
    evaluations = _add(points, owners, densities, classes, sums, ALL)
    return MixtureSums(own, same, total, evaluations)


def own_densities(points: np.ndarray, owners: np.ndarray, densities: Densities) -> np.ndarray:
    """The ``own`` of :func:`mixture_sums` [n, m]."""
    return _own_and_number(points, owners, densities, OWN)[0]


def number_of_evaluations(
    points: np.ndarray, owners: np.ndarray, densities: Densities, every: int = 1
) -> int:
    """The ``evaluations`` of :func:`mixture_sums`; about that number where ``every`` is not 1.

    ``every``: only every so many blocks of inputs are looked at.
    """
    return _own_and_number(points, owners, densities, NUMBER, every)[1]


def _own_and_number(
    points: np.ndarray, owners: np.ndarray, densities: Densities, wanted: int, every: int = 1
) -> tuple[np.ndarray, int]:
    n, _, m = points.shape
    own, unused = np.empty((n, m)), np.empty((n, m))
    sums, one_class = (own, unused, unused), np.zeros(len(densities.centres), np.int64)
    return own, _add(points, owners, densities, one_class, sums, wanted, every)


def _add(
    points: np.ndarray,
    owners: np.ndarray,
    densities: Densities,
    classes: np.ndarray,
    sums: tuple[np.ndarray, np.ndarray, np.ndarray],
    wanted: int,
    every: int = 1,
) -> int:
    """Fill ``sums``: own, same and total; returns the number of evaluations.

    ``wanted``: see ``add_mixtures``. ``every``: only for every so many blocks; the evaluations are
    about those of all of them.
    """
    places, mixtures = densities.places, densities.mixtures
    centres = places.centres
    rows, starts = blocks(
        centres[owners], classes[owners], max(_BLOCK_POINTS // points.shape[2], 1)
    )
    if every > 1:
        parts = np.split(rows, starts[1:-1])[::every]
        rows, starts = np.concatenate(parts), np.cumsum([0, *map(len, parts)])
    queries = Queries(np.ascontiguousarray(points, dtype=np.float32), owners, rows, starts)
    components = Components(centres, mixtures.records, mixtures.offsets, classes)
    found = Sums(*sums, np.zeros(len(starts) - 1, np.int64))
    add_mixtures(len(starts) - 1, queries, components, densities.boxes, found, wanted)
    if places.moved:  # points far from their own centre may be near moved ones: sums are unknown
        sums[0][sums[0] < -_FAR] = np.nan
    return int(found.evaluations.sum()) * len(owners) // len(rows)


def sorted_boxes(centres: np.ndarray, boxes: np.ndarray) -> Boxes:
    """``boxes`` [N, 3, d] about ``centres``, sorted along the axis in which these differ most."""
    low, high, width = boxes.transpose(1, 0, 2).astype(np.float64)
    low, high = low + centres, high + centres
    axis = np.linalg.eigh(centres.T @ centres)[1][:, -1].copy()  # one layout for the kernel
    begins = np.minimum(axis * low, axis * high).sum(1)
    ends = np.maximum(axis * low, axis * high).sum(1)
    order = np.argsort(begins, kind="stable")
    along = np.square((np.abs(axis) * np.sqrt(width)).sum(1))
    along = np.minimum(along, 1.0 + (width - 1.0).sum(1))
    return Boxes(
        order,
        *(np.ascontiguousarray(one[order].T, np.float32) for one in (low, high, 1.0 / width)),
        axis,
        begins[order],
        float((ends - begins).max()),
        float(along.max()),
        1e-6 * max(np.abs(low).max(), np.abs(high).max(), 1.0),
        float(np.log2(len(centres) / PRUNED)),
    )


def blocks(centres: np.ndarray, classes: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ``centres`` [n, d], noise units, in blocks of one class that lie together.

    Halved near the median of the axis in which they vary most until a block has at most ``most``
    rows no farther apart than float32 coordinates about one of them allow. Returns the rows in
    their order, and where blocks start, [blocks + 1].
    """
    order = np.argsort(classes, kind="stable")
    of_class = np.concatenate([[0], np.flatnonzero(np.diff(classes[order])) + 1, [len(order)]])
    rows = np.concatenate([centres[order], order[:, None]], axis=1)  # a number < 2^53 is exact
    starts = np.empty(len(order) + 1, np.int64)
    n = halve(rows, of_class, most, _COMPACT, starts)
    return rows[:, -1].astype(np.int64), starts[: n + 1]
