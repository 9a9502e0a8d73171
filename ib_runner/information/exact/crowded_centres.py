"""Thinning Gaussian mixtures on a line to at most 16 centres per standard deviation.

Over a length of one standard deviation a Gaussian equals, within 1e-15 of its peak, the polynomial
through its values at 16 Chebyshev points. So a centre's weight may be distributed over these points
by that polynomial; some shares are negative, and their sum is 1. Lengths are in units of the
standard deviation, and cells are [k, k + 1] for whole k.
"""

from itertools import pairwise

import numpy as np
from numpy.polynomial.chebyshev import chebvander

#: Chebyshev points in a cell
N_POINTS = 16
#: centres in one matrix product, too few for several threads
_AT_ONCE = 512
#: the points, ascending in [−1, 1], and the matrix from Chebyshev polynomials to shares [16, 16]
_POINTS = -np.cos((np.arange(N_POINTS) + 0.5) * np.pi / N_POINTS)
_TO_SHARES = chebvander(_POINTS, N_POINTS - 1).T / N_POINTS
_TO_SHARES[1:] *= 2.0


class Cells:
    """Weights of ``n`` mixtures at the points of all cells from ``low`` to ``high``."""

    def __init__(self, n: int, low: float, high: float):
        self.first = np.floor(low)
        self.sums = np.zeros((n_cells(low, high), n, N_POINTS))

    def add(self, units: np.ndarray, mass: np.ndarray, rows: np.ndarray) -> None:
        """Add centres ``units`` [m], of weights ``mass`` [k, m], to the mixtures ``rows`` [k]."""
        cells = np.clip(np.floor(units) - self.first, 0, len(self.sums) - 1).astype(np.int64)
        order = np.argsort(cells, kind="stable")
        cells, units, mass = cells[order], units[order], mass[:, order]
        inside = units - (cells + self.first)
        for start, stop in _runs(cells):
            self.sums[cells[start], rows] += _shared_out(inside[start:stop], mass[:, start:stop])

    def mixtures(self) -> tuple[np.ndarray, np.ndarray]:
        """The points [m'], ascending, and the weights [n, m']."""
        cells = self.first + np.arange(len(self.sums))
        return _points(cells), self.sums.transpose(1, 0, 2).reshape(self.sums.shape[1], -1)


def n_cells(low: float, high: float) -> int:
    """The number of cells that :class:`Cells` has from ``low`` to ``high``."""
    return int(np.floor(high) - np.floor(low)) + 1


def thinned(units: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres ``units`` [m], ascending, with ``mass`` [k, m], thinned to at most 16 in any cell."""
    cells = np.floor(units)
    runs = _runs(cells)
    crowded = [(start, stop) for start, stop in runs if stop - start > N_POINTS]
    if not crowded:
        return units, mass
    kept = np.ones(len(units), bool)
    sums = []
    for start, stop in crowded:
        kept[start:stop] = False
        sums.append(_shared_out(units[start:stop] - cells[start], mass[:, start:stop]))
    points = _points(cells[[start for start, _ in crowded]])
    units = np.concatenate([units[kept], points])
    order = np.argsort(units)
    return units[order], np.concatenate([mass[:, kept], *sums], axis=1)[:, order]


def _runs(cells: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of equal values in ``cells``."""
    return list(pairwise([0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), len(cells)]))


def _points(cells: np.ndarray) -> np.ndarray:
    return (cells[:, None] + 0.5 * (1.0 + _POINTS)).ravel()


def _shared_out(inside: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The weights [k, 16] of a cell's 16 points, from ``mass`` [k, m] of centres in the cell.

    ``inside`` [m] are the centres' positions in the cell, from 0 to 1.
    """
    total = np.zeros((len(mass), N_POINTS))
    for first in range(0, len(inside), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        total += mass[:, part] @ (chebvander(2.0 * inside[part] - 1.0, N_POINTS - 1) @ _TO_SHARES)
    return total
