"""Sizes for the interval of one layer by paths: the cheapest for the width, or the narrowest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ib_runner.information.interval.bounds import unseen_above, unseen_below
from ib_runner.information.paths.choice import Choice, Line
from ib_runner.information.paths.guess import fit
from ib_runner.information.paths.pilot import (
    PILOT_EACH,
    PILOT_SHARE,
    Pilot,
    Wanted,
    point_cost,
    run_pilots,
    some_inputs,
)
from ib_runner.information.paths.pre_activations import PreActivations, pre_activations
from ib_runner.information.paths.sources import GuessedSource, Source, exact_source
from ib_runner.information.paths.terms import Reach
from ib_runner.information.paths.unseen import unseen_changes
from ib_runner.information.sampling.sampler import Layer
from ib_runner.information.sampling.streams import Stream
from ib_runner.information.task import Task

#: the pilot's most inputs, and its points in total where there are few inputs
_PILOT_INPUTS, _PILOT_POINTS = 512, 1024
#: inputs at whose points the guess's sharpness is chosen
_SHARPENED = 128
#: without paths, at most so many times the fewest points for b are considered
_ALONE = 2
#: the fewest inputs with points of the pilot
_FEWEST_INPUTS = 16
#: the fewest and the most points with paths
_FEWEST_POINTS, _MOST_POINTS = 256, 2**14
#: number of inputs in a random sample that may replace all inputs
_PART = 2**12
#: the fewest points for b in total at a target width of 0.05 nats or less
_FEWEST_IN_ALL = 2**14
#: shares of the target width to aim at, and of the budget to plan with
_CAUTION, _PLANNED = 0.85, 0.9
_QUANTILE = 1.96


@dataclass(frozen=True)
class Plan:
    """``points`` for b, ``path_points`` of them with paths, and the forecast ``width`` in nats."""

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
    """The source of the terms of one layer, and their numbers."""

    source: Source
    units: PreActivations | None
    plan: Plan


def prepare(task: Task, layer: Layer, budget: float) -> Prepared | None:
    """The plan for ``layer``; None where ``budget`` is too small, or the pilot overflows."""
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
        except np.linalg.LinAlgError:  # squares of the noise overflow or underflow
            return None
        source = GuessedSource(sampler, layer, guess, units)
    payable = PILOT_SHARE * budget / (PILOT_EACH * source.cost)
    if payable < min(n, _FEWEST_INPUTS):
        return None
    inputs = some_inputs(sampler, int(min(n, _PILOT_INPUTS, payable)), Stream.PATHS_PILOT_INPUTS)
    points = min(_PILOT_POINTS, int(PILOT_SHARE * budget / source.cost))
    each = max(PILOT_EACH, points // len(inputs))
    spent = len(inputs) * each * source.cost
    if isinstance(source, GuessedSource):
        source = source.sharpened(inputs[:: -(-len(inputs) // _SHARPENED)])
    pilots, path_cost = run_pilots(sampler, source, units, inputs, each, wanted)
    left = _PLANNED * (budget - spent - path_cost)
    plans = [
        plan
        for one in pilots
        for plan in _plans(one, source, units, n, wanted, left)
        if np.isfinite(plan.width)
    ]
    return Prepared(source, units, _best(plans, settings.target_width)) if plans else None


def _plans(
    pilot: Pilot,
    source: Source,
    units: PreActivations | None,
    n: int,
    wanted: Wanted,
    budget: float,
) -> Iterator[Plan]:
    """Every combination of sizes within ``budget``."""
    fewest = max(int(_FEWEST_IN_ALL * min(1.0, 0.05 / wanted.target_width)), 2 * n)
    if wanted.n_mc is not None:
        many = [n * wanted.n_mc]
    elif source.exact:  # points are all that costs: as few as will do, as many of each input
        many = [-(-int(fewest * 2 ** (k / 4)) // n) * n for k in range(29)]
    else:
        many = [fewest * 2**k for k in range(8)]
    if wanted.n_mc is None and n > _PART:
        many = [_PART, *many]  # a random sample of the inputs, with one point each
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
        # without paths the upper end is H: more points do not make the interval much narrower
        if points <= many[0] * _ALONE or width <= _CAUTION * wanted.target_width:
            yield _plan(pilot, points, 0, pilot.reach, width, cost)
        yield from _with_paths(pilot, units, wanted, budget, points)


def _plan(
    pilot: Pilot, points: int, path_points: int, reach: Reach, width: float, cost: float
) -> Plan:
    choice = replace(pilot.choice, share=path_points / points)
    return Plan(points, path_points, reach, width, cost, choice, pilot.above, pilot.below)


def _with_paths(
    pilot: Pilot, units: PreActivations | None, wanted: Wanted, budget: float, points: int
) -> Iterator[Plan]:
    """Plans with paths at some of ``points`` points."""
    if units is None or pilot.pairs == 0.0:
        return
    cost, noise = points * pilot.base_cost, pilot.spread / np.sqrt(points)
    for n_paths, n_others in wanted.paths:
        reach = replace(pilot.reach, n_paths=n_paths, n_others=n_others)
        each = pilot.guess_cost + point_cost(units, pilot.pairs, reach)
        affordable = int(min((budget - cost) / each, _MOST_POINTS, points))
        for count in sorted({*(2**k for k in range(8, 15)), affordable}):
            if not _FEWEST_POINTS <= count <= affordable:
                continue
            width = pilot.gap_at(reach) + sum(unseen_changes(pilot.choice, pilot.below, count))
            width += unseen_above(pilot.lower, wanted.highest, points)
            width += unseen_below(pilot.lower, points)
            width += 2 * _QUANTILE * float(np.hypot(noise, pilot.change / np.sqrt(count)))
            yield _plan(pilot, points, count, reach, width, cost + count * each)


def _best(plans: Sequence[Plan], target_width: float) -> Plan:
    good = [plan for plan in plans if plan.width <= _CAUTION * target_width]
    if good:
        return min(good, key=lambda plan: plan.cost)
    step = 0.02 * target_width
    return min(plans, key=lambda plan: (round(plan.width / step), plan.cost))
