"""The interval of one layer of any width: a pilot, sizes, new points, and both bounds' means.

Upper and lower bound are E b, over many points, plus what paths change, over few (``terms``). The
pilot's points tell the spreads, the bounds' distance and its part that more paths take away, and
are thrown away. Then the cheapest sizes that promise the width asked for are taken, or those that
promise the narrowest interval for the budget; without paths H stands for the upper bound.

Proofs, and what is approximate: docs/concepts/certified-interval.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from ib_runner.information.estimate import Status, Values
from ib_runner.information.interval.bounds import RARE, ROUNDING, Interval
from ib_runner.information.paths.guess import fit
from ib_runner.information.paths.pre_activations import PreActivations, pre_activations
from ib_runner.information.paths.sources import GuessedSource, Source, exact_source
from ib_runner.information.paths.terms import Classes, Reach, Terms, path_terms
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream, generator
from ib_runner.information.task import Task

#: points of the pilot for b, per input and in all, and for paths
_PILOT_EACH, _PILOT_INPUTS, _PILOT_PATHS = 2, 512, 48
#: inputs at whose points the guess's sharpness is chosen
_SHARPENED = 128
#: how many times the fewest points for b are worth their price without paths
_ALONE = 2
#: what the points for b may cost of the budget, and the fewest inputs with such points
_PILOT_SHARE, _FEWEST_INPUTS = 0.2, 16
#: what the pilot reaches for: inputs at a point, and paths for each
_PILOT_REACH = Reach(32, 8, 32, 8)
#: paths that are considered: from the own input, and from the others; how the others are chosen;
#: and points with paths
_PATHS = ((16, 4), (32, 8), (64, 16), (128, 32), (256, 64), (512, 128))
_TEMPERS = (0.6, 0.1)
_FEWEST_POINTS, _MOST_POINTS = 256, 2**14
#: inputs of which a random part of so many may be enough
_PART = 2**12
#: points for b at a width of 0.05 nats or less
_FEWEST_IN_ALL = 2**14
#: the width aimed at, relative to the one asked for, and the budget's share that is planned with
_CAUTION, _PLANNED = 0.85, 0.9
_QUANTILE = 1.96
#: what none of M inputs shows has a probability of at most so much / M (97.5 %)
_UNSEEN = 3.7
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
    """``points`` for b and ``path_points`` with ``reach``, and the ``width`` that they promise."""

    points: int
    path_points: int
    reach: Reach
    width: float
    cost: float


@dataclass(frozen=True)
class Prepared:
    """Where the terms of one layer come from, and how many there will be."""

    source: Source
    units: PreActivations | None
    plan: Plan


@dataclass(frozen=True)
class _Pilot:
    """What the pilot found, nats.

    ``spread`` of b within inputs, ``change``: that of what paths change, ``whole``: that of the
    bounds themselves; ``gap``: the bounds' distance at ``reach``; ``per_path``: what a path more or
    less adds to it, times their number; ``lower``: E b; ``pairs``: inputs with paths at a point;
    ``base_cost``: of a point for b.
    """

    spread: float
    lower: float
    reach: Reach = _PILOT_REACH
    change: float = 0.0
    whole: float = 0.0
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
    return (once + n_paths * (_TABLES * dim / 4 + noise * (dim + 16.0))) / 16


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
    spent = len(inputs) * _PILOT_EACH * source.cost
    if isinstance(source, GuessedSource):
        source = source.sharpened(inputs[:: -(-len(inputs) // _SHARPENED)])
    pilots, path_cost = _run_pilots(sampler, source, units, inputs, wanted)
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
    wanted: Wanted,
) -> tuple[list[_Pilot], float]:
    """What the pilot found, by how its inputs are chosen, and what its paths cost."""
    base = source.terms(np.repeat(inputs, _PILOT_EACH), Stream.PATHS_PILOT, None)["x"]
    base = base.reshape(len(inputs), _PILOT_EACH)
    within = float(np.sqrt(base.var(1, ddof=1).mean()))
    lower = float(base.mean())
    alone = _Pilot(within, lower, base_cost=source.cost)
    if source.exact or units is None:
        return [alone], 0.0
    n_paths, n_others = wanted.paths[min(1, len(wanted.paths) - 1)]
    count = _PILOT_PATHS
    reach = Reach(_enumerated(units), _PILOT_REACH.sampled, n_paths, n_others)
    while (
        count * _point_cost(units, min(reach.enumerated, len(sampler)), reach) > 0.2 * wanted.budget
    ):
        if reach.enumerated <= 4:
            return [alone], 0.0
        reach = replace(reach, enumerated=reach.enumerated // 2)
    rng = generator(sampler.seed, Stream.PATHS_PILOT, units.layer.number)
    some = rng.permutation(np.resize(inputs, max(len(inputs), count)))[:count]
    pilots, cost = [], 0.0
    for temper in _TEMPERS:
        reach = replace(reach, temper=temper)
        found = path_terms(units, source.guess, some, reach, None, rng)
        pilots.append(_with_change(alone, reach, found))
        cost += count * _point_cost(units, pilots[-1].pairs, reach)
    return pilots, cost


def _with_change(alone: _Pilot, reach: Reach, found: Terms) -> _Pilot:
    upper, lower, base = found.upper["x"], found.lower["x"], found.base["x"]
    up, down = upper - base, lower - base
    return replace(
        alone,
        reach=reach,
        change=float(up.std(ddof=1) + down.std(ddof=1)) / 2,
        whole=float(upper.std(ddof=1) + lower.std(ddof=1)) / 2,
        gap=max(float((up - down).mean()), 0.0),
        per_path=max(float(found.own_gap.mean()), 0.0) * reach.n_paths,
        pairs=float(found.pairs.mean()),
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
        noise, rare = pilot.spread / np.sqrt(points), RARE / points
        if source.exact:
            yield Plan(points, 0, pilot.reach, 2 * _QUANTILE * noise + rare, cost)
            continue
        width = wanted.highest - pilot.lower + _QUANTILE * noise + rare
        # H as the upper end is not made narrow by points without number
        if points <= many[0] * _ALONE or width <= _CAUTION * wanted.target_width:
            yield Plan(points, 0, pilot.reach, width, cost)
        yield from _with_paths(pilot, units, wanted, budget, points)
    if not source.exact:
        yield from _with_paths(pilot, units, wanted, budget, 0)


def _with_paths(
    pilot: _Pilot, units: PreActivations | None, wanted: Wanted, budget: float, points: int
) -> Iterator[Plan]:
    """Plans with paths, after ``points`` for b, or without b where that is 0."""
    if units is None or pilot.pairs == 0.0:
        return
    cost = points * pilot.base_cost
    noise = pilot.spread / np.sqrt(points) if points else 0.0
    rare = RARE / points if points else 0.0
    change = pilot.change if points else pilot.whole
    for n_paths, n_others in wanted.paths:
        reach = replace(pilot.reach, n_paths=n_paths, n_others=n_others)
        each = _point_cost(units, pilot.pairs, reach)
        affordable = int(min((budget - cost) / each, _MOST_POINTS))
        for count in sorted({*(2**k for k in range(8, 15)), affordable}):
            if not _FEWEST_POINTS <= count <= affordable:
                continue
            width = pilot.gap_at(reach) + rare + 2 * RARE / count
            width += 2 * _QUANTILE * float(np.hypot(noise, change / np.sqrt(count)))
            yield Plan(points, count, reach, width, cost + count * each)


def _best(plans: Sequence[Plan], target_width: float) -> Plan:
    good = [plan for plan in plans if plan.width <= _CAUTION * target_width]
    if good:
        return min(good, key=lambda plan: plan.cost)
    step = 0.02 * target_width
    return min(plans, key=lambda plan: (round(plan.width / step), plan.cost))


@dataclass(frozen=True)
class _Mean:
    """A mean with its standard error and the number of independent points behind it.

    ``rare``: what points too rare to be among them may do to it.
    """

    value: float
    stderr: float
    count: int
    rare: float


#: the mean of what is always 0
_NOTHING = _Mean(0.0, 0.0, 2**40, 0.0)


def _mean(terms: np.ndarray, n: int, per_input: int) -> _Mean:
    """Of terms [inputs · per_input]: all ``n`` inputs are strata, others a random sample."""
    rows = terms.reshape(-1, per_input)
    if len(rows) == n and per_input > 1:
        stderr = float(np.sqrt(rows.var(1, ddof=1).mean() / terms.size))
        return _Mean(float(rows.mean()), stderr, terms.size, RARE / terms.size)
    means = rows.mean(1)
    stderr = float(means.std(ddof=1) / np.sqrt(len(means)))
    # inputs, not points, are what may be rare, and a rare one may be told from all others
    rare = max(RARE, _UNSEEN * float(np.log(n))) / len(means)
    return _Mean(float(means.mean()), stderr, len(means), rare)


def _inputs_of(sampler: Sampler, count: int, purpose: Stream) -> tuple[np.ndarray, int]:
    """Inputs for about ``count`` points, repeated, and how often: all inputs or a random part."""
    n = len(sampler)
    if count < n:
        return _some(sampler, count, purpose), 1
    per_input = max(2, count // n)
    return np.repeat(np.arange(n), per_input), per_input


def values(task: Task, layer: Layer, prepared: Prepared) -> dict[str, Values]:
    """The intervals of ``layer`` by target, from new points."""
    sampler, plan, units, source = task.sampler, prepared.plan, prepared.units, prepared.source
    n, labels = len(sampler), task.labels
    classes = None if labels is None else Classes(labels.classes, labels.sizes.astype(float))
    rounding = max(ROUNDING, source.rounding)
    entropies = {target: of.entropy for target, of in task.targets}
    base, per_input = {}, 0
    if plan.points:
        inputs, per_input = _inputs_of(sampler, plan.points, Stream.PATHS_BASE_INPUTS)
        terms = source.terms(inputs, Stream.PATHS_BASE, classes)
        base = {target: _mean(terms[target], n, per_input) for target in entropies}
    if not plan.path_points or units is None:
        ends = _exact_interval if source.exact else _interval_from_below
        found = {target: ends(base[target], rounding, h) for target, h in entropies.items()}
        return _rows(task, prepared, found, per_input, source.conditional_entropy)
    some, each = _inputs_of(sampler, plan.path_points, Stream.PATHS_INPUTS)
    rng = generator(sampler.seed, Stream.PATHS, layer.number)
    changes = path_terms(units, source.guess, some, plan.reach, classes, rng)
    found = {}
    for target, highest in entropies.items():
        upper, lower = changes.upper[target], changes.lower[target]
        if base:
            upper, lower = upper - changes.base[target], lower - changes.base[target]
        parts = [_mean(one, n, each) for one in (upper, lower, (upper + lower) / 2)]
        found[target] = _interval(base.get(target, _NOTHING), *parts, rounding, highest)
    return _rows(task, prepared, found, per_input or each, -float(changes.log_own.mean()))


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


def _end(b: _Mean, change: _Mean) -> tuple[float, float]:
    """Estimate, and how far its 97.5 % bound is away, with what no point showed allowed for."""
    error = np.hypot(b.stderr, change.stderr)
    quantile = stats.t.ppf(0.975, max(min(b.count, change.count) // 2, 1))
    return b.value + change.value, float(quantile * error) + b.rare + change.rare


def _interval(
    b: _Mean, up: _Mean, down: _Mean, middle: _Mean, rounding: float, highest: float
) -> Interval:
    (upper, above), (lower, below) = _end(b, up), _end(b, down)
    low = float(np.clip(lower - below - rounding, 0.0, highest))
    high = float(np.clip(upper + above + rounding, low, highest))
    mi = float(np.clip((min(upper, highest) + lower) / 2, low, high))
    return Interval(mi, float(np.hypot(b.stderr, middle.stderr)), low, high)


def _exact_interval(b: _Mean, rounding: float, highest: float) -> Interval:
    return _interval(b, _NOTHING, _NOTHING, _NOTHING, rounding, highest)


def _interval_from_below(b: _Mean, rounding: float, highest: float) -> Interval:
    found = _exact_interval(b, rounding, highest)
    return Interval(found.mi, found.stderr, found.lower, highest)
