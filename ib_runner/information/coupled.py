"""The coupled estimator of all layers: chooses sizes, draws, and makes estimates of the bounds.

What it computes and why that is an interval: see ``bounds``.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from ib_runner.information.adaptive import Plan, plan
from ib_runner.information.bounds import Interval, Points, bound_x, bound_y, interval
from ib_runner.information.clouds import (
    CLOUD_A,
    PILOT_A,
    PILOT_POINTS,
    POINTS,
    Densities,
    blocks_of,
    choose_components,
    evaluation_points,
    fit_densities,
    pilot_groups,
    sums_at,
)
from ib_runner.information.conditional_densities import LN2, MixtureSums
from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.labels import Labels
from ib_runner.information.sample_propagation import Layer, Sampler

#: a lower bound this close to H proves that the layer tells all inputs (or labels) apart
SATURATED = 0.01


@dataclass(frozen=True)
class Settings:
    """What the caller asks for; ``n_x``, ``n_o``, ``n_mc`` None: to be chosen."""

    target_width: float
    n_x: int | None
    n_o: int | None
    n_mc: int | None
    budget: int | None


@dataclass(frozen=True)
class _Sizes:
    """Draws per input in clouds A and B, and evaluation points per input."""

    n_x: int
    n_o: int
    n_mc: int


def _cloud_sizes(n: int, settings: Settings) -> tuple[int, int]:
    """n_x and n_o: about 1000 draws keep the bias of either bound near 0.01 nats.

    With few inputs many points are wanted, each made of another draw: the cloud is larger.
    """
    n_x = settings.n_x or int(np.clip(2**16 // n, 1024, 8192))
    n_x = max(n_x, settings.n_mc or 0)
    return n_x, settings.n_o or max(n_x // 2, 1)


def estimates(
    sampler: Sampler,
    layers: list[Layer],
    settings: Settings,
    inputs: Labels,
    labels: Labels | None,
) -> list[Estimate]:
    """Estimates of I(X;T), and of I(Y;T) given ``labels``, for ``layers``.

    ``inputs`` numbers the distinct inputs: its entropy is H(X).
    """
    if not layers:
        return []
    started = time.perf_counter()
    n = len(sampler)
    n_x, n_o = _cloud_sizes(n, settings)
    classes = inputs.classes if labels is None else labels.classes
    pilot = pilot_groups(sampler, np.random.default_rng(sampler.seed))
    components = choose_components(sampler, layers, n_x, n_o, pilot)
    densities = fit_densities(sampler, layers, n_o, components)
    plans = _plans(sampler, layers, densities, n_x, pilot, classes, settings)
    n_mc = {number: plan.n_mc for number, plan in plans.items()}
    blocks = blocks_of(n, n_x)
    points = evaluation_points(sampler, layers, densities, n_x, n_mc, blocks, (CLOUD_A, POINTS))
    shared = (time.perf_counter() - started) / len(layers)
    found = []
    for layer in layers:
        started = time.perf_counter()
        here, delta = points[layer.number], plans[layer.number].delta
        sums = sums_at(layer, here, blocks, densities[layer.number], classes)
        bounds = [("x", bound_x(here, sums, n, delta), inputs)]
        if labels is not None:
            bounds.append(("y", bound_y(here, sums, labels.sizes, delta), labels))
        h_t_given_x = _conditional_entropy(layer, here, sums)
        sizes = _Sizes(n_x, n_o, n_mc[layer.number])
        for target, bound, of in bounds:
            seconds = (shared + time.perf_counter() - started) / len(bounds)
            certified = interval(bound, of.entropy)
            status = _status(certified, of.entropy, settings.target_width)
            found.append(_estimate(layer, target, certified, status, h_t_given_x, sizes, seconds))
    return found


def _plans(
    sampler: Sampler,
    layers: list[Layer],
    densities: dict[int, Densities],
    n_x: int,
    pilot: list[tuple[int, int]],
    classes: np.ndarray,
    settings: Settings,
) -> dict[int, Plan]:
    """For each layer, from the pilot's points; a given n_mc stands."""
    n = len(sampler)
    few = dict.fromkeys((layer.number for layer in layers), min(max(32, 4096 // n), n_x))
    points = evaluation_points(sampler, layers, densities, n_x, few, pilot, (PILOT_A, PILOT_POINTS))
    plans = {}
    for layer in layers:
        k = layer.number
        sums = sums_at(layer, points[k], pilot, densities[k], classes)
        found = plan(points[k], sums, n, n_x, n_x, settings.target_width, settings.budget)
        plans[k] = replace(found, n_mc=settings.n_mc or found.n_mc)
    return plans


def _conditional_entropy(layer: Layer, points: Points, sums: MixtureSums) -> float:
    """h(T|X): between −E ln p̂(t|x), which is too low, and −E ln q(t|x), which is too high."""
    if layer.exact:
        return layer.noise_entropy
    middle = float(np.mean(points.log2_own_cloud + sums.own)) / 2
    return layer.dim / 2 * float(np.log(2 * np.pi * layer.beta**2)) - middle * LN2


def _estimate(
    layer: Layer,
    target: str,
    found: Interval,
    status: Status,
    h_t_given_x: float,
    sizes: _Sizes,
    seconds: float,
) -> Estimate:
    return Estimate(
        layer=layer.number,
        dim=layer.dim,
        target=target,
        method="coupled",
        mi=found.mi,
        stderr=found.stderr,
        lower=found.lower,
        upper=found.upper,
        h_t=found.mi + h_t_given_x if target == "x" else None,
        h_t_given_x=h_t_given_x if target == "x" else None,
        beta=layer.beta,
        n_x=sizes.n_x,
        n_o=sizes.n_o,
        n_mc=sizes.n_mc,
        status=status,
        seconds=seconds,
    )


def _status(found: Interval, highest: float, target_width: float) -> Status:
    if found.lower >= highest - SATURATED:
        return Status.SATURATED
    wide = found.upper - found.lower > target_width
    return Status.WIDTH_NOT_REACHED if wide else Status.OK
