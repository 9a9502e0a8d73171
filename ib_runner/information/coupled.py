"""The coupled estimator of all layers: chooses sizes, draws, and makes estimates of the bounds.

What it computes and why that is an interval: see ``bounds``.
"""

import time

import numpy as np

from ib_runner.information.bounds import Bound, Interval, bound_x, bound_y, interval
from ib_runner.information.clouds import (
    Sizes,
    choose_components,
    evaluation_points,
    fit_densities,
    sums_at,
)
from ib_runner.information.conditional_densities import LN2
from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.labels import Labels
from ib_runner.information.sample_propagation import Layer, Sampler

#: a lower bound this close to H proves that the layer tells all inputs (or labels) apart
SATURATED = 0.01


def default_sizes(n: int, n_x: int | None, n_o: int | None, n_mc: int | None) -> Sizes:
    """What is not given: enough for an interval of some 0.05 nats with ``n`` inputs."""
    n_x = n_x or int(np.clip(65536 // n, 1024, 8192))
    n_o = n_o or n_x // 2
    n_mc = n_mc or int(np.clip(65536 // n, 16, n_x))
    return Sizes(n_x, n_o, n_mc)


def estimates(
    sampler: Sampler,
    layers: list[Layer],
    sizes: Sizes,
    target_width: float,
    inputs: Labels,
    labels: Labels | None,
) -> list[Estimate]:
    """Estimates of I(X;T), and of I(Y;T) given ``labels``, for ``layers``.

    ``inputs`` numbers the distinct inputs: its entropy is H(X).
    """
    if not layers:
        return []
    started = time.perf_counter()
    rng = np.random.default_rng(sampler.seed)
    components = choose_components(sampler, layers, sizes, rng)
    densities = fit_densities(sampler, layers, sizes.n_o, components)
    points = evaluation_points(sampler, layers, densities, sizes)
    shared = (time.perf_counter() - started) / len(layers)
    classes = inputs.classes if labels is None else labels.classes
    found = []
    for layer in layers:
        started = time.perf_counter()
        here = points[layer.number]
        sums = sums_at(layer, here, densities[layer.number], classes)
        own = -float(np.mean(here.log2_own_cloud + sums.own)) * LN2 / 2
        h_t_given_x = layer.dim / 2 * np.log(2 * np.pi * layer.beta**2) + own
        if layer.exact:
            h_t_given_x = layer.noise_entropy
        bounds = [("x", bound_x(here, sums), inputs)]
        if labels is not None:
            bounds.append(("y", bound_y(here, sums, labels.sizes), labels))
        for target, bound, of in bounds:
            seconds = (shared + time.perf_counter() - started) / len(bounds)
            found.append(
                _estimate(
                    layer, target, bound, of.entropy, h_t_given_x, sizes, target_width, seconds
                )
            )
    return found


def _estimate(
    layer: Layer,
    target: str,
    bound: Bound,
    highest: float,
    h_t_given_x: float,
    sizes: Sizes,
    target_width: float,
    seconds: float,
) -> Estimate:
    found = interval(bound, highest)
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
        status=_status(found, highest, target_width),
        seconds=seconds,
    )


def _status(found: Interval, highest: float, target_width: float) -> Status:
    if found.lower >= highest - SATURATED:
        return Status.SATURATED
    wide = found.upper - found.lower > target_width
    return Status.WIDTH_NOT_REACHED if wide else Status.OK
