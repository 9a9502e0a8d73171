"""I(X;T) of one-dimensional layers by quadrature: exact to 1e-9 nats (Fig. 4, Fig. 9).

p(t|x) and p(t) are Gaussian mixtures with components of width β, so that −p·ln p is analytic and
Gauss–Legendre panels about as wide as β converge geometrically. All panels are halved until that
changes the integral by less than 1e-10. The integral beyond 13 β of every centre, below 1e-35, is
left out.

Panels are processed in blocks, so memory doesn't grow with their number, and crowded centres are
thinned out. An integral that would take longer than some minutes is refused before it begins.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from ib_runner.errors import TooMuchWorkError, UnresolvedError
from ib_runner.information.exact.crowded_centres import N_POINTS, Cells, n_cells, thinned

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_REACH = 13.0
_NORMAL_ENTROPY = 0.5 * float(np.log(2 * np.pi * np.e))
_TOLERANCE = 1e-10
_MOST_HALVINGS = 8
_PANELS_AT_ONCE = 16
#: components of smaller weight are dropped: they only widen the range of the integral
_LIGHTEST = 1e-40
#: the most work of one integral, in evaluations of the noise's density
MOST_WORK = 3e9
#: work for a node of the layer below, and for a multiplication, in evaluations of the density
_WORK_OF_A_NODE, _WORK_OF_A_PRODUCT = 50, 0.05
#: the most weights of all inputs' mixtures (0.2 GB)
MOST_WEIGHTS = 3e7
#: approximate number of elements in the largest temporary array
_AT_ONCE = 200_000
_PLACES_AT_ONCE = 64
#: mixtures whose entropies are computed together
_MIXTURES_AT_ONCE = 512


@dataclass(frozen=True)
class Integral:
    """A value in nats, and its change when panels were halved, which bounds its numerical error."""

    value: float
    error: float


def mutual_information(
    centres: np.ndarray, beta: float, weights: np.ndarray | None = None
) -> Integral:
    """I(X;T) for X uniform over N inputs and T given x a mixture of N(centre, beta²).

    ``centres`` [N] where S is a function of x (layer 1); else [m], shared by all inputs, with
    ``weights`` [N, m], each input's summing to 1, as from :func:`next_layer`.

    Raises as :func:`mixture_entropy`.
    """
    if weights is None:
        total = mixture_entropy(centres, beta)
        return Integral(total.value - _NORMAL_ENTROPY - float(np.log(beta)), total.error)
    total = mixture_entropy(centres, beta, weights.mean(axis=0))
    given = mixture_entropies(centres, beta, weights)
    return Integral(
        total.value - float(np.mean([integral.value for integral in given])),
        total.error + max(integral.error for integral in given),
    )


def mixture_entropy(
    centres: np.ndarray, beta: float, weights: np.ndarray | None = None
) -> Integral:
    """The differential entropy, in nats, of a mixture of N(centre, beta²): ``centres`` [m].

    ``weights`` [m] sum to 1, equal ones if None.

    Raises ``ValueError`` for beta ≤ 0, other shapes, values that are not finite, weights that don't
    sum to 1, ``TooMuchWorkError`` for an integral that would take too long, and ``UnresolvedError``
    where the panels do not converge.
    """
    centres = np.asarray(centres, dtype=np.float64)
    mass = np.full(centres.shape, 1.0 / centres.size) if weights is None else np.asarray(weights)
    (integral,) = mixture_entropies(centres, beta, mass[None])
    return integral


def mixture_entropies(centres: np.ndarray, beta: float, weights: np.ndarray) -> list[Integral]:
    """As :func:`mixture_entropy`, for several mixtures of the same centres: ``weights`` [k, m]."""
    centres, mass = np.asarray(centres, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if not 0.0 < beta < np.inf:
        raise ValueError(f"beta = {beta}: a positive standard deviation is needed")
    if centres.ndim != 1 or mass.shape[1:] != centres.shape or not np.isfinite(centres).all():
        raise ValueError(f"centres of shape {centres.shape}: [m], finite, is needed")
    for total in mass.sum(axis=1):
        if not abs(total - 1.0) < 1e-9:
            raise ValueError(f"the weights sum to {total}, not to 1")
    order = np.argsort(centres)
    order = order[abs(mass).max(axis=0)[order] > _LIGHTEST]
    clusters = [
        Cluster(*thinned(cluster.units, cluster.mass))
        for cluster in _clusters(centres[order], beta, mass[:, order])
    ]
    near = max(_most_within(one.units, 2 * _REACH + _PANELS_AT_ONCE) for one in clusters)
    # nodes of panels of width 1 and of their halves
    n_nodes = 3 * len(_NODES) * sum(_n_panels(one.units, 1.0) for one in clusters)
    _refuse_long(n_nodes * near * (1.0 + _WORK_OF_A_PRODUCT * len(mass)))
    found: list[Integral] = []
    for first in range(0, len(mass), _MIXTURES_AT_ONCE):
        rows = slice(first, first + _MIXTURES_AT_ONCE)
        values, errors = _converged([Cluster(one.units, one.mass[rows]) for one in clusters])
        found += map(Integral, (values + np.log(beta)).tolist(), errors.tolist())
    return found


class Cluster(NamedTuple):
    """Centres [m] in units of beta from the first of them, ascending, and their mass [k, m]."""

    units: np.ndarray
    mass: np.ndarray


def _clusters(centres: np.ndarray, beta: float, mass: np.ndarray) -> list[Cluster]:
    """``centres``, sorted, in parts whose noises do not overlap.

    Coordinates are relative to the first centre of each part, so that they lose no digits to the
    distance from the origin or between parts.
    """
    cuts = np.flatnonzero(np.diff(centres) > 2 * _REACH * beta) + 1
    starts, stops = [0, *cuts.tolist()], [*cuts.tolist(), len(centres)]
    return [
        Cluster((centres[i:j] - centres[i]) / beta, mass[:, i:j])
        for i, j in zip(starts, stops, strict=True)
    ]


def mixture_density(
    t: np.ndarray, centres: np.ndarray, beta: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """p at ``t`` [n] of a mixture as in :func:`mixture_entropy`."""
    mass = np.full(len(centres), 1.0 / len(centres)) if weights is None else weights
    order = np.argsort(centres)
    units, mass = thinned(np.asarray(centres, dtype=np.float64)[order] / beta, mass[None, order])
    rank = np.argsort(t)
    found = np.empty(len(t))
    for first in range(0, len(t), _PLACES_AT_ONCE):
        part = rank[first : first + _PLACES_AT_ONCE]
        found[part] = _densities(np.asarray(t)[part] / beta, units, mass)[:, 0]
    return found / beta


def next_layer(
    s: np.ndarray,
    beta: float,
    f: Callable[[np.ndarray], np.ndarray],
    *,
    panel: float,
    kinks: Sequence[float] = (),
    weights: np.ndarray | None = None,
    next_beta: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The mixtures of the next neuron: S' = f(T) for T = S + N(0, beta²).

    ``s`` [N] or [m] with ``weights`` [N, m], the layer below, as in :func:`mutual_information`.
    The integral over T becomes a sum over Gauss–Legendre nodes t_k, the same for all inputs:
    returns the centres f(t_k) [m'] and the weights p(t_k|x)·Δ_k, [N, m']. ``panel`` is the panels'
    width in units of beta: at most 1, and at most 1/slope where f is steeper. ``kinks`` are the t
    where f is not smooth; panels end there.

    Given ``next_beta``, the noise added to S', the centres are thinned out to 16 per length
    ``next_beta`` between the least and the greatest f(t_k): with noise the mixtures are the same.

    Raises ``TooMuchWorkError``, before any work, if the integral would take too long or too much
    memory.
    """
    units = np.asarray(s, dtype=np.float64) / beta
    order = np.argsort(units)
    units, mass = units[order], None if weights is None else weights[:, order]
    n = len(units) if mass is None else len(mass)
    near = _most_within(units, 3 * _REACH)
    n_nodes = len(_NODES) * _n_panels(units, panel)
    products = near * n if mass is not None else 0
    products += N_POINTS * n if next_beta is not None else 0
    _refuse_long(n_nodes * (near + _WORK_OF_A_PRODUCT * products + _WORK_OF_A_NODE))
    at_once = int(min(_REACH / panel, _AT_ONCE / (len(_NODES) * max(n, near)))) + 1
    blocks = list(_blocks(units, panel, np.asarray(kinks) / beta, at_once))
    if next_beta is None:
        _refuse_large(n * n_nodes)
        parts = [_passed_on(block, units, mass) for block in blocks]
        centres = np.concatenate([f(t * beta) for t, _, _ in parts])
        found = np.zeros((n, len(centres)))
        at = 0
        for t, rows, part in parts:
            found[rows, at : at + len(t)] = part
            at += len(t)
    else:
        ends = [_ends(f(_nodes(block)[0] * beta) / next_beta) for block in blocks]
        low, high = min(least for least, _ in ends), max(most for _, most in ends)
        _refuse_large(n * N_POINTS * n_cells(low, high))
        cells = Cells(n, low, high)
        for block in blocks:
            t, rows, part = _passed_on(block, units, mass)
            cells.add(f(t * beta) / next_beta, part, rows)
        centres, found = cells.mixtures()
        centres *= next_beta
    if mass is None:
        found[order] = found.copy()
    return centres, found / found.sum(axis=1, keepdims=True)


def _passed_on(
    edges: np.ndarray, units: np.ndarray, mass: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes t [n] of some panels, and p(t|x)·Δ [k, n] of the inputs ``rows`` [k] within reach."""
    t, dt = (x.ravel() for x in _nodes(edges))
    near = _near(units, edges)
    kernel = np.exp(-0.5 * (t - units[near, None]) ** 2) * (dt / np.sqrt(2 * np.pi))
    if mass is None:
        return t, np.arange(near.start, near.stop), kernel
    return t, np.arange(len(mass)), mass[:, near] @ kernel


def _near(units: np.ndarray, t: np.ndarray) -> slice:
    """The slice of sorted ``units`` whose noise reaches sorted ``t``."""
    return slice(*np.searchsorted(units, [t[0] - _REACH, t[-1] + _REACH]).tolist())


def _most_within(units: np.ndarray, length: float) -> int:
    """The largest number of the sorted ``units`` within an interval of ``length``."""
    return int((np.searchsorted(units, units + length) - np.arange(len(units))).max())


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _refuse_long(work: float) -> None:
    if not work <= MOST_WORK:
        raise TooMuchWorkError(
            f"quadrature would take some {work:.2g} values of the noise's density, more than "
            f"{MOST_WORK:.0e}: method coupled or more noise is needed"
        )


def _refuse_large(n_weights: float) -> None:
    if not n_weights <= MOST_WEIGHTS:
        raise TooMuchWorkError(
            f"quadrature would hold {n_weights:.2g} weights, more than {MOST_WEIGHTS:.0e}: "
            "method coupled, fewer inputs or more noise is needed"
        )


def _n_panels(units: np.ndarray, width: float) -> float:
    """The approximate number of panels that :func:`_spans` makes."""
    gaps = np.diff(units)
    covered = units[-1] - units[0] + 2 * _REACH - (gaps[gaps > 2 * _REACH] - 2 * _REACH).sum()
    return float(covered / width) + 1.0


def _blocks(
    units: np.ndarray, width: float, kinks: np.ndarray, at_once: int
) -> Iterator[np.ndarray]:
    """The panels' edges of :func:`_spans`, cut at ``kinks``, for ``at_once`` panels at a time."""
    for edges in _spans(units, width):
        inside = kinks[(edges[0] < kinks) & (kinks < edges[-1])]
        edges = np.unique(np.concatenate([edges, inside]))
        for first in range(0, len(edges) - 1, at_once):
            yield edges[first : first + at_once + 1]


def _spans(units: np.ndarray, width: float) -> Iterator[np.ndarray]:
    """Edges of panels of about ``width`` that cover the reach of sorted ``units``."""
    gaps = np.flatnonzero(np.diff(units) > 2 * _REACH)
    starts = units[np.concatenate([[0], gaps + 1])] - _REACH
    ends = units[np.concatenate([gaps, [len(units) - 1]])] + _REACH
    for start, end in zip(starts, ends, strict=True):
        yield np.linspace(start, end, int(np.ceil((end - start) / width)) + 1)


def _nodes(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights, [n_panels, 20] each, of the panels between ``edges``."""
    half = 0.5 * np.diff(edges)[:, None]
    return edges[:-1, None] + half * (1.0 + _NODES), half * _WEIGHTS


def _converged(clusters: Sequence[Cluster]) -> tuple[np.ndarray, np.ndarray]:
    """Entropies and errors [k] of the mixtures of N(units, 1) in all ``clusters`` together."""
    alone = [one.mass[:, 0] for one in clusters if len(one.units) == 1]
    together = [one for one in clusters if len(one.units) > 1]
    # −∫ wφ·ln(wφ) of a centre whose noise overlaps no other's
    total = sum((w * _NORMAL_ENTROPY - xlogy(w, w) for w in alone), np.zeros(1))
    coarse = _entropies_in_units(together, 1.0)
    for halvings in range(1, _MOST_HALVINGS):
        fine = _entropies_in_units(together, 0.5**halvings)
        moved = abs(fine - coarse)
        if (moved <= _TOLERANCE).all():
            # 1e-12 allows for the rounding errors of the sum
            return total + fine, moved + np.zeros_like(total) + 1e-12
        coarse = fine
    n = sum(len(one.units) for one in together)
    raise UnresolvedError(f"quadrature did not converge for {n} centres")


def _entropies_in_units(clusters: Sequence[Cluster], width: float) -> np.ndarray:
    """−∫ p·ln p [k] for the mixtures of N(units, 1) in ``clusters``, with panels of ``width``."""
    total = np.zeros(1)
    for units, mass in clusters:
        for edges in _spans(units, width):
            for first in range(0, len(edges) - 1, _PANELS_AT_ONCE):
                t, dt = _nodes(edges[first : first + _PANELS_AT_ONCE + 1])
                p = _densities(t.ravel(), units, mass)
                total = total - dt.ravel() @ xlogy(p, p)
    return total


def _densities(t: np.ndarray, units: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """p [n, k] at sorted ``t`` [n] of the mixtures of N(units, 1), sorted."""
    near = _near(units, t)
    kernel = np.exp(-0.5 * (t[:, None] - units[near]) ** 2) / np.sqrt(2 * np.pi)
    # thinned centres have weights of both signs, so that rounding may give a negative density
    return np.maximum(kernel @ mass[:, near].T, 0.0)
