"""The coupled estimator of all layers: a pilot, sizes, draws, and estimates from the bounds.

There are two ways to compute densities. Clouds of draws (``bounds``) are cheaper for few units
whose clouds are not much wider than the noise; paths aimed at each point (``paths.certify``) have
no such limits. A layer of few units has clouds, unless their pilot forecasts an interval much wider
than the target and paths forecast a narrower one. Where the user gives a size of clouds, clouds are
used.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ib_runner.information.estimate import Status, Values
from ib_runner.information.interval import pilot
from ib_runner.information.interval.bounds import (
    Interval,
    Points,
    bound_x,
    bound_y,
    interval,
    of_both,
)
from ib_runner.information.interval.clouds import (
    evaluation_points,
    evaluations_at,
    fit_densities,
    sums_at,
)
from ib_runner.information.interval.mixtures import LN2, Densities, MixtureSums
from ib_runner.information.interval.sizes import BUDGET, Request, Sizes, choose
from ib_runner.information.paths import certify
from ib_runner.information.paths import plan as path_plan
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task, nothing_certified

_logger = logging.getLogger(__name__)
#: the most units for which clouds are tried: they need a number of draws exponential in the units
CLOUD_UNITS = 16
#: clouds whose forecast width exceeds the target width by the first factor are compared with paths,
#: and replaced by these where the width shrinks to the second share or less
_TOO_WIDE, _NARROWER = 1.3, 0.8
#: kernel evaluations for one layer by paths unless a budget is given: the number for up to so many
#: inputs, from where on it grows with them in layers too wide for clouds, and the most
_PATHS_BUDGET, _PAID_FOR, _MOST_BUDGET = 2 * BUDGET, 1024, 20 * BUDGET
#: the share of the remaining budget to plan with, as the number of near inputs is a forecast
_PLANNED = 0.8


@dataclass(frozen=True)
class Prepared:
    """Sizes, densities and points by layer; sizes are None where the budget allows no clouds.

    ``left``: the remaining budget of one layer, in kernel evaluations. ``paths``: plans of the
    layers whose densities are from paths, None where the budget allows none.
    """

    sizes: Mapping[int, Sizes | None]
    densities: Mapping[int, Densities]
    points: dict[int, Points]
    left: float
    paths: Mapping[int, path_plan.Prepared | None]


def prepare(task: Task) -> Prepared:
    """Choose sizes for the layers of ``task`` and draw clouds and points for all of them."""
    sampler, planned = task.sampler, plan(task)
    sizes, densities = planned.sizes, dict(planned.densities)
    possible = [layer for layer in task.layers if sizes[layer.number] is not None]
    _refit(sampler, possible, densities, sizes)
    points = {}
    if possible:
        points = evaluation_points(
            sampler,
            possible,
            densities,
            {k.number: sizes[k.number].n_x for k in possible},
            {k.number: sizes[k.number].n_mc for k in possible},
        )
    return replace(planned, densities=densities, points=points)


def plan(task: Task) -> Prepared:
    """Sizes for the layers of ``task``, and densities in the pilot's sizes, without points."""
    sampler = task.sampler
    layers = [layer for layer in task.layers if layer.dim <= CLOUD_UNITS]
    densities = fit_densities(
        sampler, layers, {k.number: (1, 1) if k.exact else pilot.BASE for k in layers}
    )
    sizes, left = _sizes(replace(task, layers=layers), densities) if layers else ({}, 0.0)
    paths = {}
    for layer in task.layers:
        clouds = sizes.get(layer.number)
        width = float("inf") if clouds is None else clouds.width
        if layer.dim <= CLOUD_UNITS and (
            layer.exact
            or width <= _TOO_WIDE * task.settings.target_width
            or (clouds is not None and _sizes_given(task))
        ):
            continue
        found = path_plan.prepare(task, layer, paths_budget_of(task, layer))
        if clouds is None or (found is not None and found.plan.width < _NARROWER * width):
            paths[layer.number] = found
            sizes[layer.number] = None
    return Prepared(sizes, densities, {}, left, paths)


def values(task: Task, layer: Layer, prepared: Prepared) -> dict[str, Values]:
    """The intervals of one layer, by target. Its points are taken from ``prepared``."""
    k = layer.number
    if k in prepared.paths:
        plan = prepared.paths[k]
        return nothing_certified(task) if plan is None else certify.values(task, layer, plan)
    points, densities, sizes = (
        prepared.points.pop(k, None),
        prepared.densities[k],
        prepared.sizes[k],
    )
    if points is not None:
        points = _within(prepared.left, points, densities, sizes)
    if points is None:
        return nothing_certified(task)
    return _of_layer(task, layer, points, densities, sizes)


def _sizes(task: Task, densities: dict[int, Densities]) -> tuple[dict[int, Sizes | None], float]:
    """Sizes for every layer (None where the budget allows none), and a layer's remaining budget."""
    n, settings = len(task.sampler), task.settings
    budget = budget_of(task)
    requests = {
        layer.number: Request(
            n=n,
            exact=layer.exact,
            highest=task.inputs.entropy,
            target_width=settings.target_width,
            budget=budget,
            n_x=settings.n_x,
            n_o=settings.n_o,
            n_mc=settings.n_mc,
        )
        for layer in task.layers
    }
    plan = pilot.plan(task.sampler, budget)
    if plan is None:
        return dict.fromkeys(requests), 0.0
    left = budget - plan.most_evaluations(n)
    found = pilot.run(
        task.sampler, task.layers, plan, densities, task.inputs.entropy, settings.target_width
    )
    return {
        k: choose(found[k], replace(request, budget=_PLANNED * left))
        for k, request in requests.items()
    }, left


def _sizes_given(task: Task) -> bool:
    """Whether the user gave a size of clouds, which means to use clouds."""
    settings = task.settings
    return any(size is not None for size in (settings.n_x, settings.n_o, settings.n_mc))


def budget_of(task: Task) -> float:
    """The budget of one layer in kernel evaluations; infinite where sizes are given without one."""
    settings = task.settings
    unbounded = settings.budget is None and settings.n_mc is not None
    return float("inf") if unbounded else float(settings.budget or BUDGET)


def paths_budget_of(task: Task, layer: Layer) -> float:
    """The budget of one layer by paths; always finite.

    A point is compared with every input, so that more inputs need more for as many points.
    """
    more = 1.0 if layer.dim <= CLOUD_UNITS else max(1.0, len(task.sampler) / _PAID_FOR)
    return float(task.settings.budget or min(_PATHS_BUDGET * more, _MOST_BUDGET))


def _refit(
    sampler: Sampler,
    layers: Sequence[Layer],
    densities: dict[int, Densities],
    sizes: dict[int, Sizes],
) -> None:
    """Replace the pilot's densities where other sizes were chosen."""
    wanted = {
        layer.number: (sizes[layer.number].n_o, sizes[layer.number].components)
        for layer in layers
        if not layer.exact
    }
    again = [layer for layer in layers if wanted.get(layer.number, pilot.BASE) != pilot.BASE]
    densities.update(fit_densities(sampler, again, wanted))


def _within(budget: float, points: Points, densities: Densities, sizes: Sizes) -> Points | None:
    """As many of the ``points`` per input as their kernel evaluations allow; None if not two.

    The evaluations are counted beforehand, so that the choice depends on no value.
    """
    n, n_mc = points.log2_own_cloud.shape
    own = n_mc * len(densities.mixtures.records)
    budget -= n * n_mc * sizes.n_x
    if n * own <= budget:
        return points
    # counting the evaluations computes the densities of the points' own inputs
    budget -= own
    evaluations = evaluations_at(points, densities, budget)
    if evaluations <= budget:
        return points
    n_mc = int(n_mc * budget / evaluations)
    return points.first(n_mc) if n_mc >= 2 else None


def _of_layer(
    task: Task, layer: Layer, points: Points, densities: Densities, sizes: Sizes
) -> dict[str, Values]:
    n, labels = len(task.sampler), task.labels
    made = "exact" if layer.exact else f"by clouds of {sizes.n_x} and {sizes.n_o} draws"
    _logger.debug("layer %d: %d points, p(t|x) %s", layer.number, points.log2_own_cloud.size, made)
    classes = np.zeros(n, np.int64) if labels is None else labels.classes
    sums = sums_at(points, [(0, n)], densities, classes)
    bounds = {"x": bound_x(points, sums, n, sizes.delta)}
    if labels is not None:
        bounds["y"] = bound_y(points, sums, labels.sizes, sizes.delta)
    h_t_given_x = _conditional_entropy(layer, points, sums)
    found, entropies = {}, {target: of.entropy for target, of in task.targets}
    most = {target: float(np.log(n / of.sizes.min())) for target, of in task.targets}

    def make(target: str, miss: float) -> Interval:
        return interval(bounds[target], entropies[target], most[target], miss)

    intervals = of_both(make, entropies)
    for target, of in task.targets:
        certified = intervals[target]
        found[target] = Values(
            mi=certified.mi,
            stderr=certified.stderr,
            lower=certified.lower,
            upper=certified.upper,
            **_entropies(target, certified, h_t_given_x),
            n_x=sizes.n_x,
            n_o=sizes.n_o,
            n_mc=points.t.shape[2],
            status=Status.of(
                certified.lower, certified.upper, of.entropy, task.settings.target_width
            ),
        )
    return found


def _conditional_entropy(layer: Layer, points: Points, sums: MixtureSums) -> float:
    """h(T|X): between −E ln p̂(t|x), which is too low, and −E ln q(t|x), which is too high."""
    if layer.exact:
        return layer.noise_entropy
    middle = float(np.mean(points.log2_own_cloud + sums.own)) / 2
    peak = layer.dim * (0.5 * float(np.log(2 * np.pi)) + float(np.log(layer.beta)))
    return peak - middle * LN2


def _entropies(target: str, found: Interval, h_t_given_x: float) -> dict[str, float]:
    if target != "x":
        return {}
    return {"h_t": found.mi + h_t_given_x, "h_t_given_x": h_t_given_x}
