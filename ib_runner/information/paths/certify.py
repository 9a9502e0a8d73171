"""The interval of one layer of any width: a pilot, sizes, new points, and both bounds' means.

Upper and lower bound are E b, over many points, plus what paths change, at few of them (``terms``,
``choice``). The pilot's points tell the spreads, the bounds' distance and its part that more paths
take away, and are thrown away. Then the cheapest sizes that promise the width asked for are taken,
or those that promise the narrowest interval for the budget; without paths H stands for the upper
bound.

Proofs, and what is approximate: docs/concepts/certified-interval.md.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from ib_runner.information.estimate import Status, Values
from ib_runner.information.interval.bounds import (
    MISS,
    ROUNDING,
    Interval,
    ends,
    of_both,
    unseen,
    unseen_above,
    unseen_below,
)
from ib_runner.information.paths.choice import EVEN, NO_CHANGE, Choice, Line
from ib_runner.information.paths.guess import fit
from ib_runner.information.paths.pre_activations import PreActivations, pre_activations
from ib_runner.information.paths.sources import GuessedSource, Source, exact_source
from ib_runner.information.paths.terms import Classes, Reach, Terms, joined, path_terms
from ib_runner.information.paths.weights import Points
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream, generator
from ib_runner.information.task import Task

_logger = logging.getLogger(__name__)
#: the pilot: inputs at most, points of each at least, points in all where there are few inputs
_PILOT_INPUTS, _PILOT_EACH, _PILOT_POINTS = 512, 2, 1024
#: its points with paths: so many, and more where that costs no more than this share of the budget
_PILOT_PATHS, _MORE_PATHS, _MORE_SHARE = 48, 160, 0.05
#: inputs at whose points the guess's sharpness is chosen
_SHARPENED = 128
#: how many times the fewest points for b are worth their price without paths
_ALONE = 2
#: what the points for b may cost of the budget, and the fewest inputs with such points
_PILOT_SHARE, _FEWEST_INPUTS = 0.2, 16
#: what the pilot reaches for: inputs at a point, and paths for each
_PILOT_REACH = Reach(32, 8, 32, 8)
#: paths that are considered: from the own input, and from the others
_PATHS = ((16, 4), (32, 8), (64, 16), (128, 32), (256, 64), (512, 128))
#: how the others are chosen: a part of the most there may be, and ``temper``; points with paths
_CHOICES = ((1, 0.6), (1, 0.1), (4, 0.6))
_FEWEST_POINTS, _MOST_POINTS = 256, 2**14
#: inputs of which a random part of so many may be enough
_PART = 2**12
#: points for b at a width of 0.05 nats or less
_FEWEST_IN_ALL = 2**14
#: the width aimed at, relative to the one asked for, and the budget's share that is planned with
_CAUTION, _PLANNED = 0.85, 0.9
_QUANTILE = 1.96
#: chosen points of the pilot that say something
_FEWEST_CHOSEN = 8
#: multiplications that a unit's tables are worth for one pair
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
            return _PATHS
        n_paths = self.n_paths or 4 * (self.n_others or 1)
        return ((n_paths, self.n_others or max(2, n_paths // 4)),)


@dataclass(frozen=True)
class Plan:
    """``points`` for b, ``path_points`` of them with ``reach``, and the ``width`` they promise."""

    points: int
    path_points: int
    reach: Reach
    width: float
    cost: float
    choice: Choice
    above: Line
    below: Line


@dataclass(frozen=True)
class Prepared:
    """Where the terms of one layer come from, and how many there will be."""

    source: Source
    units: PreActivations | None
    plan: Plan


@dataclass(frozen=True)
class _Pilot:
    """What the pilot found, nats.

    ``spread`` of b within inputs; ``lower``: E b; ``choice`` of points that get paths; what paths
    change there as far as b tells: ``above`` and ``below``, of the upper and the lower bound;
    ``change``: the spread of the rest; ``gap``: the bounds' distance at ``reach``; ``per_path``:
    what a path more or less adds to it, times their number; ``pairs``: inputs with paths at a
    point; ``base_cost``: of a point for b.
    """

    spread: float
    lower: float
    choice: Choice
    above: Line = NO_CHANGE
    below: Line = NO_CHANGE
    reach: Reach = _PILOT_REACH
    change: float = 0.0
    gap: float = 0.0
    per_path: float = 0.0
    pairs: float = 0.0
    base_cost: float = 0.0

    def gap_at(self, reach: Reach) -> float:
        """The bounds' distance with as many paths as ``reach`` has."""
        known = self.per_path * _inverse(self.reach)
        return max(self.gap - known, 0.0) + self.per_path * _inverse(reach)


def _inverse(reach: Reach) -> float:
    return 0.5 / reach.n_paths + 0.5 / reach.n_others


def _pair_cost(units: PreActivations, n_paths: float) -> float:
    """Of one pair (x, t) in kernel evaluations, 16 multiplications each."""
    dim, noise = units.layer.dim, units.n_noise
    rank = min(dim, noise)
    once = (4.0 if units.affine else 8.0) * dim * (rank * noise + dim**2) / 2
    once += (1.0 if units.affine else 2.0) * _TABLES * dim
    return (once + n_paths * (_TABLES * rank / 4 + noise * (dim + 16.0))) / 16


def _enumerated(units: PreActivations) -> int:
    """Inputs that may have paths at a point: many where a pair costs little."""
    return 128 if _pair_cost(units, _PATHS[0][1]) < 8e3 else _PILOT_REACH.enumerated


def _point_cost(units: PreActivations, pairs: float, reach: Reach) -> float:
    return pairs * _pair_cost(units, reach.n_others) + _pair_cost(units, reach.n_paths)


def prepare(task: Task, layer: Layer, budget: float) -> Prepared | None:
    """The plan for ``layer``; None where ``budget`` pays for nothing, or the pilot overflows."""
    sampler, settings = task.sampler, task.settings
    n = len(sampler)
    wanted = Wanted(
        task.inputs.entropy,
        settings.target_width,
        budget,
        settings.n_mc,
        settings.n_x,
        settings.n_o,
    )
    units, source = None, exact_source(sampler, layer)
    if source is None:
        units = pre_activations(sampler, layer)
        try:
            guess = fit(sampler, layer)
        except np.linalg.LinAlgError:  # squares of the noise are beyond the numbers there are
            return None
        source = GuessedSource(sampler, layer, guess, units)
    payable = _PILOT_SHARE * budget / (_PILOT_EACH * source.cost)
    if payable < min(n, _FEWEST_INPUTS):
        return None
    inputs = _some(sampler, int(min(n, _PILOT_INPUTS, payable)), Stream.PATHS_PILOT_INPUTS)
    points = min(_PILOT_POINTS, int(_PILOT_SHARE * budget / source.cost))
    each = max(_PILOT_EACH, points // len(inputs))
    spent = len(inputs) * each * source.cost
    if isinstance(source, GuessedSource):
        source = source.sharpened(inputs[:: -(-len(inputs) // _SHARPENED)])
    pilots, path_cost = _run_pilots(sampler, source, units, inputs, each, wanted)
    left = _PLANNED * (budget - spent - path_cost)
    plans = [
        plan
        for one in pilots
        for plan in _plans(one, source, units, n, wanted, left)
        if np.isfinite(plan.width)
    ]
    return Prepared(source, units, _best(plans, settings.target_width)) if plans else None


def _some(sampler: Sampler, count: int, purpose: Stream) -> np.ndarray:
    """Sorted numbers of ``count`` random inputs."""
    rng = np.random.default_rng([sampler.seed, len(sampler), int(purpose)])
    return np.sort(rng.permutation(len(sampler))[:count])


def _run_pilots(
    sampler: Sampler,
    source: Source,
    units: PreActivations | None,
    inputs: np.ndarray,
    each: int,
    wanted: Wanted,
) -> tuple[list[_Pilot], float]:
    """What the pilot found, by how its inputs are chosen, and what its paths cost."""
    repeated, points = np.repeat(inputs, each), None
    if isinstance(source, GuessedSource):
        blocks = list(source.blocks(repeated, Stream.PATHS_PILOT, None))
        base, points = joined([terms for _, terms in blocks])["x"], [part for part, _ in blocks]
    else:
        base = source.terms(repeated, Stream.PATHS_PILOT, None)["x"]
    within = float(np.sqrt(base.reshape(-1, each).var(1, ddof=1).mean()))
    choice = Choice.of(base, len(sampler), 0.0)
    alone = _Pilot(within, float(base.mean()), choice, base_cost=source.cost)
    if points is None or units is None:
        return [alone], 0.0
    n_paths, n_others = wanted.paths[min(1, len(wanted.paths) - 1)]
    reach = Reach(_enumerated(units), _PILOT_REACH.sampled, n_paths, n_others)
    while True:
        cost = _point_cost(units, min(reach.enumerated, len(sampler)), reach)
        if _PILOT_PATHS * cost <= _PILOT_SHARE * wanted.budget:
            break
        if reach.enumerated <= 4:
            return [alone], 0.0
        reach = replace(reach, enumerated=reach.enumerated // 2)
    count = min(_MORE_PATHS, max(_PILOT_PATHS, int(_MORE_SHARE * wanted.budget / cost)))
    choice = replace(choice, share=min(1.0, count / len(base)))
    rng = generator(sampler.seed, Stream.PATHS_PILOT, units.layer.number)
    rows = np.flatnonzero(rng.random(len(base)) < choice.chances(base))
    if len(rows) < _FEWEST_CHOSEN:
        return [alone], 0.0
    some, there = Points.joined(points)[rows], base[rows]
    pilots, cost = [], 0.0
    for part, temper in _CHOICES:
        fewer = max(4, reach.enumerated // part), max(2, reach.sampled // part)
        tried = replace(reach, enumerated=fewer[0], sampled=fewer[1], temper=temper)
        found = path_terms(units, source.guess, some, tried, None, rng)
        pilots.append(_with_change(alone, tried, found, there))
        cost += len(rows) * _point_cost(units, pilots[-1].pairs, tried)
    return pilots, cost


def _with_change(alone: _Pilot, reach: Reach, found: Terms, base: np.ndarray) -> _Pilot:
    room, density = alone.choice.room_at(base), alone.choice.density(base)
    up, down = found.upper["x"] - base, found.lower["x"] - base
    above, below = Line.fit_raised(room, up, density), Line.fit(room, down, density)

    def mean(values: np.ndarray) -> float:
        return float(np.average(values, weights=1.0 / density))

    # of squares that count 1/chance times
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
        gap=max(mean(up - down), 0.0),
        per_path=max(mean(found.own_gap), 0.0) * reach.n_paths,
        pairs=mean(found.pairs),
    )


def _plans(
    pilot: _Pilot,
    source: Source,
    units: PreActivations | None,
    n: int,
    wanted: Wanted,
    budget: float,
) -> Iterator[Plan]:
    """Every combination of sizes that ``budget`` pays."""
    fewest = max(int(_FEWEST_IN_ALL * min(1.0, 0.05 / wanted.target_width)), 2 * n)
    many = [n * wanted.n_mc] if wanted.n_mc is not None else [fewest * 2**k for k in range(8)]
    if wanted.n_mc is None and n > _PART:
        many = [_PART, *many]  # some of the inputs, a point each
    if wanted.n_mc is None and many[0] * source.cost > budget:
        many = [int(budget / source.cost)]
    for points in many:
        cost = points * source.cost
        if points < 2 or cost > budget:
            continue
        noise = _QUANTILE * pilot.spread / np.sqrt(points)
        below = unseen_below(pilot.lower, points)
        if source.exact:
            width = 2 * noise + below + unseen_above(pilot.lower, wanted.highest, points)
            yield _plan(pilot, points, 0, pilot.reach, width, cost)
            continue
        width = wanted.highest - pilot.lower + noise + below
        # H as the upper end is not made narrow by points without number
        if points <= many[0] * _ALONE or width <= _CAUTION * wanted.target_width:
            yield _plan(pilot, points, 0, pilot.reach, width, cost)
        yield from _with_paths(pilot, units, wanted, budget, points)


def _plan(
    pilot: _Pilot, points: int, path_points: int, reach: Reach, width: float, cost: float
) -> Plan:
    choice = replace(pilot.choice, share=path_points / points)
    return Plan(points, path_points, reach, width, cost, choice, pilot.above, pilot.below)


def _with_paths(
    pilot: _Pilot, units: PreActivations | None, wanted: Wanted, budget: float, points: int
) -> Iterator[Plan]:
    """Plans with paths at some of ``points`` points."""
    if units is None or pilot.pairs == 0.0:
        return
    cost, noise = points * pilot.base_cost, pilot.spread / np.sqrt(points)
    for n_paths, n_others in wanted.paths:
        reach = replace(pilot.reach, n_paths=n_paths, n_others=n_others)
        each = _point_cost(units, pilot.pairs, reach)
        affordable = int(min((budget - cost) / each, _MOST_POINTS, points))
        for count in sorted({*(2**k for k in range(8, 15)), affordable}):
            if not _FEWEST_POINTS <= count <= affordable:
                continue
            width = pilot.gap_at(reach) + sum(_unseen_changes(pilot.choice, pilot.below, count))
            width += unseen_above(pilot.lower, wanted.highest, points)
            width += unseen_below(pilot.lower, points)
            width += 2 * _QUANTILE * float(np.hypot(noise, pilot.change / np.sqrt(count)))
            yield _plan(pilot, points, count, reach, width, cost + count * each)


def _unseen_changes(
    choice: Choice, below: Line, count: int, target: str = "x", miss: float = MISS
) -> tuple[float, float]:
    """By how much changes that none of ``count`` points shows may move the upper and lower bound.

    They are where E[density] ≤ ``unseen``/``count``. Upwards none is more than the room, to which
    the density is in proportion. Downwards, ``below`` counts, which is added unseen; b alone would
    not be wrong, were it not for the other points at the same t, which may be seen (proposition 6).
    """
    rare = unseen(miss) / count
    above, share = rare * choice.room / (1.0 - EVEN), rare / EVEN
    added = rare * max(below.level / EVEN, below.slope * choice.room / (1.0 - EVEN), 0.0)
    if target == "x":
        # the part of the guessed posterior that can be sure and wrong is at most R, the pilot's
        return above, _sure_and_wrong(share, min(1.0, 2.0 * choice.room)) + added
    # the upper bound of a label has a lower one in it, of I(X;T|Y)
    lost = _sure_and_wrong(share, 1.0)
    return above + lost, lost + added


def _sure_and_wrong(share: float, most: float) -> float:
    """What is lost at a ``share`` of the points, where the guess has ``most`` of its posterior."""
    return share * (1.0 + math.log1p(most / share))


def _best(plans: Sequence[Plan], target_width: float) -> Plan:
    good = [plan for plan in plans if plan.width <= _CAUTION * target_width]
    if good:
        return min(good, key=lambda plan: plan.cost)
    step = 0.02 * target_width
    return min(plans, key=lambda plan: (round(plan.width / step), plan.cost))


@dataclass(frozen=True)
class _Mean:
    """A mean with its standard error and the number of independent points, or inputs, behind it."""

    value: float
    stderr: float
    count: int


def _mean(terms: np.ndarray, n: int, per_input: int) -> _Mean:
    """Of terms [inputs · per_input]: all ``n`` inputs are strata, others a random sample."""
    rows = terms.reshape(-1, per_input)
    if len(rows) == n and per_input > 1:
        stderr = float(np.sqrt(rows.var(1, ddof=1).mean() / terms.size))
        return _Mean(float(rows.mean()), stderr, terms.size)
    means = rows.mean(1)
    # inputs, not points, are what may be rare
    return _Mean(float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))), len(means))


def _inputs_of(sampler: Sampler, count: int, purpose: Stream) -> tuple[np.ndarray, int]:
    """Inputs for about ``count`` points, repeated, and how often: all inputs or a random part."""
    n = len(sampler)
    if count < n:
        return _some(sampler, count, purpose), 1
    per_input = max(2, count // n)
    return np.repeat(np.arange(n), per_input), per_input


def values(task: Task, layer: Layer, prepared: Prepared) -> dict[str, Values]:
    """The intervals of ``layer`` by target, from new points."""
    sampler, plan, source = task.sampler, prepared.plan, prepared.source
    n, labels = len(sampler), task.labels
    classes = None if labels is None else Classes(labels.classes, labels.sizes.astype(float))
    rounding = max(ROUNDING, source.rounding)
    inputs, per_input = _inputs_of(sampler, plan.points, Stream.PATHS_BASE_INPUTS)
    targets = dict(task.targets)
    most = {target: float(np.log(n / of.sizes.min())) for target, of in targets.items()}
    # points per input are whole numbers, so that there may be fewer than were planned
    path_points, log_own = int(plan.choice.share * len(inputs)), None
    if path_points:
        upper, lower, log_own = _both(sampler, layer, prepared, inputs, classes)
    else:
        upper = lower = source.terms(inputs, Stream.PATHS_BASE, classes)
    _logger.debug("layer %d: %s", layer.number, _densities(source, plan, len(inputs), path_points))
    means = {
        target: [
            _mean(terms, n, per_input)
            for terms in (upper[target], lower[target], (upper[target] + lower[target]) / 2)
        ]
        for target in targets
    }

    def make(target: str, miss: float) -> Interval:
        highest = targets[target].entropy
        changes = (0.0, 0.0)
        if path_points:
            changes = _unseen_changes(plan.choice, plan.below, path_points, target, miss)
        count = path_points or len(inputs)
        found = _interval(means[target], rounding, highest, most[target], changes, count, miss)
        known = source.exact or path_points
        return found if known else replace(found, upper=highest)

    found = of_both(make, targets)
    h_t_given_x = source.conditional_entropy if log_own is None else -log_own
    return _rows(task, prepared, found, per_input, h_t_given_x)


def _densities(source: Source, plan: Plan, points: int, path_points: int) -> str:
    """What the densities at the points are, in words."""
    if source.exact:
        return f"{points} points, p(t|x) exact at all"
    text = f"{points} points, p(t|x) guessed"
    if not path_points:
        return text
    reach, share = plan.reach, 100.0 * path_points / points
    return (
        f"{text}, and by paths at about {path_points} ({share:.3g} %), {reach.n_paths} of the own "
        f"input and {reach.n_others} of each other one of {reach.enumerated} + {reach.sampled}"
    )


def _both(
    sampler: Sampler,
    layer: Layer,
    prepared: Prepared,
    inputs: np.ndarray,
    classes: Classes | None,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Terms of the upper and the lower bound at a point of each of ``inputs``; E ln p(t|x).

    Everywhere b and what paths change as far as b tells; at the chosen points the rest of it.
    """
    plan, units, source = prepared.plan, prepared.units, prepared.source
    rng = generator(sampler.seed, Stream.PATHS_INPUTS, layer.number)
    chosen, chances, parts, bases = [], [], [], []
    done = 0
    for points, base in source.blocks(inputs, Stream.PATHS_BASE, classes):
        chance = plan.choice.chances(base["x"])
        rows = np.flatnonzero(rng.random(len(points)) < chance)
        chosen.append(done + rows)
        chances.append(chance[rows])
        parts.append(points[rows])
        bases.append(base)
        done += len(points)
    base, rows = joined(bases), np.concatenate(chosen)
    each = 1.0 / np.concatenate(chances)
    rng = generator(sampler.seed, Stream.PATHS, layer.number)
    found = path_terms(units, source.guess, Points.joined(parts), plan.reach, classes, rng)
    room = plan.choice.room_at(base["x"])
    ends = []
    for line, terms in ((plan.above, found.upper), (plan.below, found.lower)):
        expected = {target: base[target] + line.at(room) for target in base}
        for target, values in expected.items():
            values[rows] += each * (terms[target] - values[rows])
        ends.append(expected)
    return *ends, float(np.average(found.log_own, weights=each))


def _rows(
    task: Task,
    prepared: Prepared,
    found: dict[str, Interval],
    n_mc: int,
    h_t_given_x: float | None,
) -> dict[str, Values]:
    plan, exact = prepared.plan, prepared.source.exact
    reach = plan.reach if plan.path_points else None
    rows = {}
    for target, of in task.targets:
        one = found[target]
        status = Status.of(one.lower, one.upper, of.entropy, task.settings.target_width)
        if status is Status.WIDTH_NOT_REACHED and one.upper >= of.entropy and not exact:
            status = Status.NOT_CERTIFIED  # H is no bound that says anything
        known = status is not Status.NOT_CERTIFIED
        entropies = {}
        if target == "x" and known and h_t_given_x is not None:
            entropies = {"h_t": one.mi + h_t_given_x, "h_t_given_x": h_t_given_x}
        rows[target] = Values(
            mi=one.mi if known else None,
            stderr=one.stderr if known else None,
            lower=one.lower,
            upper=one.upper,
            **entropies,
            n_x=1 if exact else reach and reach.n_paths,
            n_o=1 if exact else reach and reach.n_others,
            n_mc=n_mc,
            status=status,
        )
    return rows


def _interval(
    means: Sequence[_Mean],
    rounding: float,
    highest: float,
    most: float,
    changes: tuple[float, float],
    count: int,
    miss: float,
) -> Interval:
    """From the means of the upper and the lower bound's terms, and of those half way.

    ``highest``: H; ``most``: the largest term; ``changes``: what unseen ones may do to either end;
    ``count`` of independent points; ``miss``: with what probability each end may be wrong.
    """
    upper, lower, middle = means
    rare_above = rounding + changes[0] + unseen_above(upper.value, most, upper.count, miss)
    rare_below = rounding + changes[1] + unseen_below(lower.value, lower.count, miss)
    quantile = float(stats.t.ppf(1.0 - miss, max(min(count, upper.count) // 2, 1)))
    low, high = ends(
        lower.value - quantile * lower.stderr - rare_below,
        upper.value + quantile * upper.stderr + rare_above,
        highest,
    )
    mi = float(np.clip((min(upper.value, highest) + lower.value) / 2, low, high))
    return Interval(mi, middle.stderr, low, high)
