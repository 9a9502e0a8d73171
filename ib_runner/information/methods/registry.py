"""The methods by which information is estimated: name, function, and the layers it is for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ib_runner.information.estimate import Estimate
from ib_runner.information.exact import gaussian_layers, one_unit_layers
from ib_runner.information.interval import coupled, high_dimensional
from ib_runner.information.methods import nearest_neighbours, pairwise_bounds, paper
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Task


def _every_layer(sampler: Sampler, layer: Layer) -> bool:
    return True


@dataclass(frozen=True)
class Method:
    """``estimates`` the layers that it ``covers``; others lack what it ``needs``.

    ``labels``: whether it estimates I(Y;T) as well.
    """

    estimates: Callable[[Task], list[Estimate]]
    covers: Callable[[Sampler, Layer], bool] = _every_layer
    needs: str = "Gaussian noise"
    labels: bool = False


def _certified(task: Task) -> list[Estimate]:
    """Intervals; of layers of many units the lower bound alone, or [lower bound, H]."""
    few = [layer for layer in task.layers if layer.dim <= high_dimensional.MANY_UNITS]
    many = [layer for layer in task.layers if layer.dim > high_dimensional.MANY_UNITS]
    return [
        *coupled.estimates(replace(task, layers=few)),
        *high_dimensional.estimates(replace(task, layers=many)),
    ]


METHODS: dict[str, Method] = {
    "coupled": Method(_certified, labels=True),
    "paper": Method(paper.estimates),
    "pairwise_lower": Method(
        pairwise_bounds.lower_estimates, gaussian_layers.is_gaussian, gaussian_layers.NEEDS
    ),
    "pairwise_upper": Method(
        pairwise_bounds.upper_estimates, gaussian_layers.is_gaussian, gaussian_layers.NEEDS
    ),
    "quadrature": Method(
        one_unit_layers.estimates, one_unit_layers.is_line, one_unit_layers.NEEDS, labels=True
    ),
    "nearest_neighbours": Method(nearest_neighbours.estimates),
}
