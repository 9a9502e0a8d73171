"""Forecasts of a layer's certified interval, its width and cost, from the pilot alone."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ib_runner.information.estimate_layers import coupled_task
from ib_runner.information.interval import coupled
from ib_runner.information.paths.guess import draws_of_an_input
from ib_runner.information.paths.sources import exact_source
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream
from ib_runner.threads import one_blas_thread

#: inputs, and draws of each, by which the draws of a layer are timed at first; four times as many
#: where that takes fewer seconds, since a call has its own
_TIMED_INPUTS, _TIMED_DRAWS, _TIMED_SECONDS = 16, 4, 0.1


@dataclass(frozen=True)
class Forecast:
    """The forecast ``width`` of the interval of I(X;T_layer), nats, and number of evaluations.

    ``densities`` says how p(t|x) is computed: "exact", by "clouds" of draws, by "paths" aimed at
    the points, or not at all, "none", where ``width`` is H(X). ``evaluations`` are of the kernel.
    """

    layer: int
    dim: int
    width: float
    evaluations: float
    densities: str


def forecasts(
    network: nn.Module,
    x: Tensor,
    *,
    layers: Sequence[int] | None = None,
    seed: int = 0,
    **settings,
) -> list[Forecast]:
    """Width and cost of the intervals of several ``layers`` (None: all that have Gaussian noise).

    Arguments as for ``estimate_layers``, which chooses the same sizes. Runs the pilot, which may
    take a second for each layer.
    """
    task = coupled_task(network, x, layers, seed, settings)
    with one_blas_thread():
        planned = coupled.plan(task)
    return [_of_layer(layer, planned, task.inputs.entropy) for layer in task.layers]


def seconds_of_draws(
    network: nn.Module,
    x: Tensor,
    *,
    layers: Sequence[int] | None = None,
    seed: int = 0,
    **settings,
) -> dict[int, float]:
    """Processor seconds of the draws that ``forecasts`` makes of each layer too wide for clouds.

    These are passes through the network, hundreds for each input, and most of the time where a
    pass takes long. A few are timed.
    """
    task = coupled_task(network, x, layers, seed, settings)
    sampler, found = task.sampler, {}
    for layer in task.layers:
        if layer.dim <= coupled.CLOUD_UNITS or exact_source(sampler, layer) is not None:
            continue
        every = draws_of_an_input(sampler, layer)
        found[layer.number] = len(sampler) * every * _seconds_of_a_draw(sampler, layer, every)
    return found


def _seconds_of_a_draw(sampler: Sampler, layer: Layer, most: int) -> float:
    """Processor seconds of a draw, timed by up to ``most`` draws of some inputs."""
    few, n_draws = min(len(sampler), _TIMED_INPUTS), min(_TIMED_DRAWS, most)
    # the first call may load or compile kernels
    sampler.draw(0, few, n_draws, Stream.GUESS, [layer.number])
    while True:
        began = time.process_time()
        sampler.draw(0, few, n_draws, Stream.GUESS, [layer.number])
        seconds = time.process_time() - began
        if seconds >= _TIMED_SECONDS or n_draws == most:
            return seconds / (few * n_draws)
        n_draws = min(4 * n_draws, most)


def _of_layer(layer: Layer, planned: coupled.Prepared, highest: float) -> Forecast:
    sizes, paths = planned.sizes.get(layer.number), planned.paths.get(layer.number)
    if paths is not None:
        found, exact = paths.plan, paths.source.exact
        densities = "exact" if exact else "paths" if found.path_points else "none"
    elif sizes is not None:
        found, densities = sizes, "exact" if layer.exact else "clouds"
    else:
        return Forecast(layer.number, layer.dim, highest, 0.0, "none")
    return Forecast(layer.number, layer.dim, min(found.width, highest), found.cost, densities)
