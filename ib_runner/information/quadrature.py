"""I(X;T) of one-dimensional layers by quadrature: exact to 1e-9 nats (Fig. 4, Fig. 9).

p(t|x) and p(t) are Gaussian mixtures with components of width β, so that −p·ln p is analytic and
Gauss–Legendre panels about as wide as β converge geometrically. All panels are halved until that
changes the integral by less than 1e-10. What is left out, beyond 13 β of every centre, is below
1e-35.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_REACH = 13.0
_TOLERANCE = 1e-10
_MOST_HALVINGS = 8
_PANELS_AT_ONCE = 16
#: components lighter than this change no entropy, but a span of the axis less is to be covered
_LIGHTEST = 1e-40


@dataclass(frozen=True)
class Integral:
    """A value in nats, and how far halving the panels moved it: more than its numerical error."""

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
        return Integral(total.value - 0.5 * float(np.log(2 * np.pi * np.e * beta**2)), total.error)
    total = mixture_entropy(centres, beta, weights.mean(axis=0))
    given = [mixture_entropy(centres, beta, of_input) for of_input in weights]
    return Integral(
        total.value - float(np.mean([integral.value for integral in given])),
        total.error + max(integral.error for integral in given),
    )


def mixture_entropy(
    centres: np.ndarray, beta: float, weights: np.ndarray | None = None
) -> Integral:
    """The differential entropy, in nats, of a mixture of N(centre, beta²): ``centres`` [m].

    ``weights`` [m] sum to 1, equal ones if None.

    Raises ``ValueError`` for beta ≤ 0, other shapes, values that are not finite, or weights that
    don't sum to 1; ``ArithmeticError`` should the panels not converge.
    """
    centres = np.asarray(centres, dtype=np.float64)
    mass = np.full(centres.shape, 1.0 / centres.size) if weights is None else np.asarray(weights)
    if not 0.0 < beta < np.inf:
        raise ValueError(f"beta = {beta}: a positive standard deviation is needed")
    if centres.ndim != 1 or mass.shape != centres.shape or not np.isfinite(centres).all():
        raise ValueError(f"centres of shape {centres.shape}: [m], finite, is needed")
    if not abs(mass.sum() - 1.0) < 1e-9:
        raise ValueError(f"the weights sum to {mass.sum()}, not to 1")
    order = np.argsort(centres)
    order = order[mass[order] > _LIGHTEST]
    units, mass = centres[order] / beta, mass[order]
    coarse = _entropy_in_units(units, mass, 1.0)
    for halvings in range(1, _MOST_HALVINGS):
        fine = _entropy_in_units(units, mass, 0.5**halvings)
        if abs(fine - coarse) <= _TOLERANCE:
            # what rounding adds when so many terms are summed stays below 1e-12
            return Integral(fine + float(np.log(beta)), abs(fine - coarse) + 1e-12)
        coarse = fine
    raise ArithmeticError(f"quadrature did not converge for {len(units)} centres, beta = {beta}")


def next_layer(
    s: np.ndarray,
    beta: float,
    f: Callable[[np.ndarray], np.ndarray],
    *,
    panel: float,
    kinks: Sequence[float] = (),
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The mixtures one more neuron makes: S' = f(T), T = S + N(0, beta²).

    ``s`` [N] or [m] with ``weights`` [N, m], the layer below, as in :func:`mutual_information`.
    The integral over T becomes a sum over Gauss–Legendre nodes t_k, the same for all inputs:
    returns the centres f(t_k) [m'] and the weights p(t_k|x)·Δ_k, [N, m']. ``panel`` is the panels'
    width in units of beta: at most 1, and at most 1/slope where f is steeper. ``kinks`` are the t
    where f is not smooth; panels end there.
    """
    units = np.asarray(s, dtype=np.float64) / beta
    nodes, steps = [], []
    for edges in _spans(np.sort(units), panel):
        inside = [k / beta for k in kinks if edges[0] < k / beta < edges[-1]]
        edges = np.unique(np.concatenate([edges, inside]))
        t, dt = _nodes(edges)
        nodes.append(t.ravel())
        steps.append(dt.ravel())
    t, dt = np.concatenate(nodes), np.concatenate(steps)
    kernel = np.exp(-0.5 * (t - units[:, None]) ** 2) / np.sqrt(2 * np.pi)
    mass = (kernel if weights is None else weights @ kernel) * dt
    return f(t * beta), mass / mass.sum(axis=1, keepdims=True)


def _spans(units: np.ndarray, width: float) -> Iterator[np.ndarray]:
    """Edges of panels of about ``width`` that cover all within reach of sorted ``units``."""
    gaps = np.flatnonzero(np.diff(units) > 2 * _REACH)
    starts = units[np.concatenate([[0], gaps + 1])] - _REACH
    ends = units[np.concatenate([gaps, [len(units) - 1]])] + _REACH
    for start, end in zip(starts, ends, strict=True):
        yield np.linspace(start, end, int(np.ceil((end - start) / width)) + 1)


def _nodes(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights, [n_panels, 20] each, of the panels between ``edges``."""
    half = 0.5 * np.diff(edges)[:, None]
    return edges[:-1, None] + half * (1.0 + _NODES), half * _WEIGHTS


def _entropy_in_units(units: np.ndarray, mass: np.ndarray, width: float) -> float:
    """−∫ p·ln p for the mixture of N(units, 1), sorted, with panels of ``width``."""
    total = 0.0
    for edges in _spans(units, width):
        for first in range(0, len(edges) - 1, _PANELS_AT_ONCE):
            part = edges[first : first + _PANELS_AT_ONCE + 1]
            t, dt = _nodes(part)
            near = slice(*np.searchsorted(units, [part[0] - _REACH, part[-1] + _REACH]))
            kernel = np.exp(-0.5 * (t[..., None] - units[near]) ** 2)
            p = (kernel @ mass[near]) / np.sqrt(2 * np.pi)
            total -= float((xlogy(p, p) * dt).sum())
    return total
