"""The interval of one layer of any width, by paths: new points, and both bounds' means.

Each bound is E b, over many points, plus a correction by paths, at few of them (``terms``,
``choice``). A pilot estimates the spreads of the terms, and the distance of the bounds for
different numbers of paths (``pilot``). Then the cheapest sizes with the target width are chosen, or
those with the narrowest interval for the budget (``plan``). Without paths the upper bound is H.

Proofs, and what is approximate: docs/concepts/certified-interval.md.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from ib_runner.information.estimate import Status, Values
from ib_runner.information.interval.bounds import (
    ROUNDING,
    Interval,
    ends,
    of_both,
    unseen_above,
    unseen_below,
)
from ib_runner.information.paths.pilot import some_inputs
from ib_runner.information.paths.plan import Plan, Prepared
from ib_runner.information.paths.sources import Source
from ib_runner.information.paths.terms import Classes, joined, path_terms
from ib_runner.information.paths.unseen import unseen_changes
from ib_runner.information.paths.weights import Points
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream, generator
from ib_runner.information.task import Task

_logger = logging.getLogger(__name__)


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
    # points of one input are not independent: count inputs
    return _Mean(float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means))), len(means))


def _inputs_of(sampler: Sampler, count: int, purpose: Stream) -> tuple[np.ndarray, int]:
    """Inputs for about ``count`` points, repeated, and how often: all inputs or a random part."""
    n = len(sampler)
    if count < n:
        return some_inputs(sampler, count, purpose), 1
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
    # the number of points per input is rounded, so that there may be fewer points than planned
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
            changes = unseen_changes(plan.choice, plan.below, path_points, target, miss)
        count = path_points or len(inputs)
        found = _interval(means[target], rounding, highest, most[target], changes, count, miss)
        known = source.exact or path_points
        return found if known else replace(found, upper=highest)

    found = of_both(make, targets)
    h_t_given_x = source.conditional_entropy if log_own is None else -log_own
    return _rows(task, prepared, found, per_input, h_t_given_x)


def _densities(source: Source, plan: Plan, points: int, path_points: int) -> str:
    """How the densities at the points are computed, in words."""
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
    """Terms of the upper and the lower bound at a point of each of ``inputs``, and E ln p(t|x).

    A term is b plus the correction that b predicts (``choice.Line``); at the chosen points, plus
    the rest of the correction, weighted by 1/chance.
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
            status = Status.NOT_CERTIFIED  # the upper end is H, which holds for any network
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
    """The interval from the means of upper terms, lower terms, and their averages.

    ``highest``: H, nats; ``most``: the largest possible term; ``changes``: allowances at either end
    for changes that no chosen point shows; ``count``: number of independent points; ``miss``:
    probability with which each end may be wrong.
    """
    upper, lower, middle = means
    rare_above = rounding + changes[0] + unseen_above(upper.value, most, upper.count, miss)
    rare_below = rounding + changes[1] + unseen_below(lower.value, lower.count, miss)
    quantile = float(stdtrit(max(min(count, upper.count) // 2, 1), 1.0 - miss))
    low, high = ends(
        lower.value - quantile * lower.stderr - rare_below,
        upper.value + quantile * upper.stderr + rare_above,
        highest,
    )
    mi = float(np.clip((min(upper.value, highest) + lower.value) / 2, low, high))
    return Interval(mi, middle.stderr, low, high)
