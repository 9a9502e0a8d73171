"""The plug-in densities of all other inputs' clouds at a point, relative to that of its own cloud.

Coordinates are in units of β·√(2 ln 2), see ``own_clouds``.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, parallel_range
from ib_runner.information.interval.mixtures import Places, places_of, sorted_boxes
from ib_runner.information.interval.near import find_near, halve
from ib_runner.information.interval.own_clouds import cloud_densities

#: the most points in a block, and the longest side of the box around them
_BLOCK_POINTS, _SIDE = 32, 1.0
_f = np.float32


@dataclass(frozen=True)
class Clouds:
    """``draws`` [N, d, n_x] float32 of every input, about its row of ``places``, and their boxes:
    ``boxes`` [N, 3, d] are the lowest and the highest coordinates, and ones.
    """

    draws: np.ndarray
    places: Places
    boxes: np.ndarray

    @classmethod
    def of(cls, draws: np.ndarray, centres: np.ndarray, length: float) -> "Clouds":
        """``centres`` [N, d] are in the units of S, in which a noise unit has ``length``."""
        low, high = draws.min(2), draws.max(2)
        boxes = np.stack([low, high, np.ones_like(low)], axis=1)
        return cls(draws, places_of(centres, length, boxes), boxes)

    @property
    def n_x(self) -> int:
        """The draws of each input."""
        return self.draws.shape[2]

    def first(self, n_x: int) -> "Clouds":
        """``n_x`` draws of each input."""
        draws = np.ascontiguousarray(self.draws[:, :, :n_x])
        return Clouds(draws, self.places, self.boxes)


class _Scratch(NamedTuple):
    """Room for one block at a time.

    ``q`` [n_x]: exponents of a cloud's draws. ``near`` [N + 1], ``distance`` [N]: inputs. ``low``,
    ``high`` [d]: the box of the block's points. ``u`` [d, _BLOCK_POINTS]: the points that an input
    does not own, about its place, with their ``places`` in the block, ``references`` and densities
    ``found``.
    """

    q: np.ndarray
    near: np.ndarray
    distance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    u: np.ndarray
    places: np.ndarray
    references: np.ndarray
    found: np.ndarray


def other_clouds(
    clouds: Clouds, points: np.ndarray, owners: np.ndarray, log2_own: np.ndarray
) -> np.ndarray:
    """Σ p̂(t|x') over all x' but the point's owner, divided by p̂(t|x) of the owner; [m] float64.

    ``points`` [m, d] of the inputs ``owners`` [m] are about their owners' places; ``log2_own`` [m]
    is log2 p̂(t|x) relative to the noise's peak. Inputs whose share in the sum is below 1e-4 in all
    may be left out.
    """
    m, dim = points.shape
    at = clouds.places.centres[owners] + points
    rows = np.concatenate([at, np.arange(m)[:, None]], axis=1)  # a number < 2^53 is exact
    starts = np.empty(m + 1, np.int64)
    n_blocks = halve(rows, np.array([0, m]), _BLOCK_POINTS, _SIDE, starts)
    order = rows[:, dim].astype(np.int64)
    boxes = sorted_boxes(clouds.places.centres, clouds.boxes)
    out = np.zeros(m)
    _add_others(
        n_blocks,
        at[order],
        owners[order],
        log2_own[order].astype(np.float32),
        starts[: n_blocks + 1],
        clouds.places.centres,
        clouds.draws,
        boxes,
        out,
    )
    sums = np.empty(m)
    sums[order] = out
    return sums


@inner(error_model="numpy")
def _add_block(points, owners, log2_own, centres, draws, boxes, scratch, out):
    """``_add_others`` for one block of ``points`` [p, d]."""
    low_here, high_here = scratch.low, scratch.high
    u, places, references, found = scratch.u, scratch.places, scratch.references, scratch.found
    n, dim = points.shape
    origin = points[0]
    for i in range(dim):
        low_here[i], high_here[i] = np.inf, -np.inf
    lowest = np.inf
    for j in range(n):
        lowest = min(lowest, np.float64(log2_own[j]))
        for i in range(dim):
            one = _f(points[j, i] - origin[i])
            low_here[i] = min(low_here[i], one)
            high_here[i] = max(high_here[i], one)
    n_near = find_near(low_here, high_here, origin, lowest, boxes, scratch.near, scratch.distance)
    for x in scratch.near[:n_near]:
        count = 0
        for j in range(n):
            if owners[j] != x:
                for i in range(dim):
                    u[i, count] = points[j, i] - centres[x, i]
                references[count] = log2_own[j]
                places[count] = j
                count += 1
        cloud_densities(u[:, :count], references[:count], draws[x], scratch.q, found[:count])
        for k in range(count):
            out[places[k]] += 2.0 ** (found[k] - references[k])


@parallel_range(error_model="numpy")
def _add_others(begin, end, points, owners, log2_own, starts, centres, draws, boxes, out):
    """``other_clouds`` at ``points`` [m, d], whose blocks begin at ``starts``, into ``out``."""
    n, dim = centres.shape
    scratch = _Scratch(
        np.empty(draws.shape[2], np.float32),
        np.empty(n + 1, np.int64),
        np.empty(n, np.float32),
        np.empty(dim, np.float32),
        np.empty(dim, np.float32),
        np.empty((dim, _BLOCK_POINTS), np.float32),
        np.empty(_BLOCK_POINTS, np.int64),
        np.empty(_BLOCK_POINTS, np.float32),
        np.empty(_BLOCK_POINTS),
    )
    for b in range(begin, end):
        part = slice(starts[b], starts[b + 1])
        _add_block(
            points[part],
            owners[part],
            log2_own[part],
            centres,
            draws,
            boxes,
            scratch,
            out[part],
        )
