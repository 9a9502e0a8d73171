"""The pilot of a layer's paths: spreads of terms, distance of the bounds, effect of paths, costs.

Its points are not used for the interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ib_runner.information.paths.choice import NO_CHANGE, Choice, Line
from ib_runner.information.paths.pre_activations import PreActivations
from ib_runner.information.paths.sources import GuessedSource, Source
from ib_runner.information.paths.terms import Reach, Terms, joined, path_terms
from ib_runner.information.paths.weights import Points
from ib_runner.information.sampling.sampler import Sampler
from ib_runner.information.sampling.streams import Stream, generator

#: the fewest points of each input, and the share of the budget for the pilot's points
PILOT_EACH, PILOT_SHARE = 2, 0.2
#: the pilot's points with paths: their number, and a larger one if within this share of the budget
_PILOT_PATHS, _MORE_PATHS, _MORE_SHARE = 48, 1024, 0.08
#: the pilot's inputs with paths at a point, and paths for each input
PILOT_REACH = Reach(32, 8, 32, 8)
#: numbers of paths to consider: from the point's own input, and from each other input
PATHS = tuple((16 * 2**k, n) for k in range(7) for n in (4, 8, 16, 32, 64, 128) if n <= 8 * 2**k)
#: ways to choose the other inputs: divisors of the largest numbers of those that are enumerated and
#: sampled, and ``temper``; with the evidence as the guess, and without
_GUIDED = ((4, 1, 0.9), (1, 1, 0.6), (8, 2, 0.9))
_CHOICES = ((1, 1, 0.6), (1, 1, 0.1), (4, 1, 0.8))
#: standard errors of the bounds' distance that plans add to what few points of the pilot show
_ERRORS = 1.0
#: the fewest chosen points of the pilot for a meaningful result
_FEWEST_CHOSEN = 8
#: cost of a unit's tables for one pair (x, t), in multiplications
_TABLES = 4000.0


@dataclass(frozen=True)
class Wanted:
    """``highest``: H(X), nats; ``budget``: kernel evaluations; ``n_mc``: points per input."""

    highest: float
    target_width: float
    budget: float
    n_mc: int | None = None
    n_paths: int | None = None
    n_others: int | None = None

    @property
    def paths(self) -> Sequence[tuple[int, int]]:
        """The numbers of paths to consider."""
        if self.n_paths is None and self.n_others is None:
            return PATHS
        n_paths = self.n_paths or 4 * (self.n_others or 1)
        return ((n_paths, self.n_others or max(2, n_paths // 4)),)


@dataclass(frozen=True)
class Pilot:
    """The pilot's results, in nats.

    ``spread``: of b within inputs; ``lower``: E b; ``choice``: of the points that get paths;
    ``above`` and ``below``: lines that predict the paths' change of the upper and the lower bound;
    ``change``: the spread of the residuals; ``gap``: the distance of the bounds at ``reach``;
    ``gap_error``: what plans add to it, since few points make the luckiest sizes look best;
    ``per_own`` and ``per_other``: the parts of the gap that shrink like 1/(number of paths), times
    that number; ``pairs``: inputs with paths at a point; ``base_cost`` and ``guess_cost``: kernel
    evaluations of b, and of the better guess, at a point.
    """

    spread: float
    lower: float
    choice: Choice
    above: Line = NO_CHANGE
    below: Line = NO_CHANGE
    reach: Reach = PILOT_REACH
    change: float = 0.0
    gap: float = 0.0
    gap_error: float = 0.0
    per_own: float = 0.0
    per_other: float = 0.0
    pairs: float = 0.0
    base_cost: float = 0.0
    guess_cost: float = 0.0

    def gap_at(self, reach: Reach) -> float:
        """The distance of the bounds, nats, with the numbers of paths of ``reach``."""
        left = self.gap + self.gap_error - self._of_paths(self.reach)
        return max(left, 0.0) + self._of_paths(reach)

    def _of_paths(self, reach: Reach) -> float:
        return self.per_own / reach.n_paths + self.per_other / reach.n_others


def _pair_cost(units: PreActivations, n_paths: float) -> float:
    """The cost of one pair (x, t) in kernel evaluations, of 16 multiplications each."""
    dim, noise = units.layer.dim, units.n_noise
    rank = min(dim, noise)
    once = (4.0 if units.affine else 8.0) * dim * (rank * noise + dim**2) / 2
    once += (1.0 if units.affine else 2.0) * _TABLES * dim
    return (once + n_paths * (_TABLES * rank / 4 + noise * (dim + 16.0))) / 16


def _enumerated(units: PreActivations) -> int:
    """The most inputs with paths at a point; more where a pair costs less."""
    return 128 if _pair_cost(units, PATHS[0][1]) < 8e3 else PILOT_REACH.enumerated


def point_cost(units: PreActivations, pairs: float, reach: Reach) -> float:
    return pairs * _pair_cost(units, reach.n_others) + _pair_cost(units, reach.n_paths)


def some_inputs(sampler: Sampler, count: int, purpose: Stream) -> np.ndarray:
    """Sorted numbers of ``count`` random inputs."""
    rng = np.random.default_rng([sampler.seed, len(sampler), int(purpose)])
    return np.sort(rng.permutation(len(sampler))[:count])


def run_pilots(
    sampler: Sampler,
    source: Source,
    units: PreActivations | None,
    inputs: np.ndarray,
    each: int,
    wanted: Wanted,
) -> tuple[list[Pilot], float]:
    """The pilot's results for each way of choosing inputs, and the cost of its paths."""
    repeated, points = np.repeat(inputs, each), None
    if isinstance(source, GuessedSource):
        blocks = list(source.blocks(repeated, Stream.PATHS_PILOT, None))
        base, points = joined([terms for _, terms in blocks])["x"], [part for part, _ in blocks]
    else:
        base = source.terms(repeated, Stream.PATHS_PILOT, None)["x"]
    within = float(np.sqrt(base.reshape(-1, each).var(1, ddof=1).mean()))
    choice = Choice.of(base, len(sampler), 0.0)
    alone = Pilot(within, float(base.mean()), choice, base_cost=source.cost)
    if points is None or units is None:
        return [alone], 0.0
    evidence = source.guess.evidence
    alone = replace(alone, guess_cost=0.0 if evidence is None else evidence.cost)
    n_paths, n_others = PILOT_REACH.n_paths, PILOT_REACH.n_others
    if len(wanted.paths) == 1:
        n_paths, n_others = wanted.paths[0]
    reach = Reach(_enumerated(units), PILOT_REACH.sampled, n_paths, n_others)
    while True:
        pairs = min(reach.enumerated + reach.sampled, len(sampler))
        cost = alone.guess_cost + point_cost(units, pairs, reach)
        if _PILOT_PATHS * cost <= PILOT_SHARE * wanted.budget:
            break
        if reach.enumerated <= 4:
            return [alone], 0.0
        reach = replace(reach, enumerated=reach.enumerated // 2, sampled=max(2, reach.sampled // 2))
    count = min(_MORE_PATHS, max(_PILOT_PATHS, int(_MORE_SHARE * wanted.budget / cost)))
    choice = replace(choice, share=min(1.0, count / len(base)))
    rng = generator(sampler.seed, Stream.PATHS_PILOT, units.layer.number)
    rows = np.flatnonzero(rng.random(len(base)) < choice.chances(base))
    if len(rows) < _FEWEST_CHOSEN:
        return [alone], 0.0
    some, there = Points.joined(points)[rows], base[rows]
    pilots, cost = [], 0.0
    for part, share, temper in _CHOICES if evidence is None else _GUIDED:
        fewer, sampled = max(4, reach.enumerated // part), max(2, reach.sampled // share)
        tried = replace(reach, enumerated=fewer, sampled=sampled, temper=temper)
        found = path_terms(units, source.guess, some, tried, None, rng)
        pilots.append(_with_change(alone, tried, found, there))
        each = alone.guess_cost + point_cost(units, pilots[-1].pairs, tried)
        cost += len(rows) * each
        if cost > 2 * PILOT_SHARE * wanted.budget:
            break
    return pilots, cost


def _with_change(alone: Pilot, reach: Reach, found: Terms, base: np.ndarray) -> Pilot:
    room, density = alone.choice.room_at(base), alone.choice.density(base)
    up, down = found.upper["x"] - base, found.lower["x"] - base
    above, below = Line.fit_raised(room, up, density), Line.fit(room, down, density)

    def mean(values: np.ndarray) -> float:
        return float(np.average(values, weights=1.0 / density))

    # variances of residuals, squares weighted by 1/chance
    left = [
        np.sqrt(mean(np.square(change - line.at(room)) / density))
        for change, line in ((up, above), (down, below))
    ]
    return replace(
        alone,
        spread=alone.spread * abs(1.0 - (above.slope + below.slope) / 2),
        above=above,
        below=below,
        reach=reach,
        change=float(sum(left)) / 2,
        gap=max(gap := mean(up - down), 0.0),
        gap_error=_ERRORS * float(np.std((up - down - gap) / density) / np.sqrt(len(up))),
        per_own=mean(found.of_own) * reach.n_paths,
        per_other=mean(found.of_others) * reach.n_others,
        pairs=mean(found.pairs),
    )
