"""I(X;T_ℓ) and I(Y;T_ℓ) of a noisy network, for one layer or for all from one sampling pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ib_runner.datasets.arrays import as_labels
from ib_runner.errors import UnmeasurableError, raise_interruption_behind
from ib_runner.information.estimate import Estimate, Status, Values
from ib_runner.information.labels import labels_of
from ib_runner.information.methods.base import Method
from ib_runner.information.methods.registry import METHODS
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.task import Settings, Task
from ib_runner.threads import one_blas_thread


def mutual_information(
    network: nn.Module,
    x: Tensor,
    layer: int,
    *,
    method: str = "coupled",
    seed: int = 0,
    progress: bool = False,
    **settings,
) -> Estimate:
    """I(X;T_layer) in nats, with a certified 95 % interval, for X uniform over the rows of ``x``.

    ``network``: any module with noise channels behind its hidden layers; only the noise is turned
    on. ``x`` [N, …]; ``layer`` counts from 1. ``method``: "coupled" (the interval, see
    ``coupled``), "paper" (eq. (1)), or another one of ``methods.registry.METHODS``. ``settings``:
    target_width = 0.05 (nats), n_x, n_o, n_mc, budget; sizes that are not given are chosen, see
    ``Settings``. The estimate is a function of the weights, ``x``, the settings and ``seed``.
    ``progress``: show a progress bar on standard error.

    Raises ``ValueError`` for a layer or method that does not exist, a layer that is not of the
    method's kind, sizes that are not positive, and a network without noise channels; ``TypeError``
    for settings that don't exist.
    """
    given = {"method": method, "seed": seed, "progress": progress, **settings}
    (estimate,) = estimate_layers(network, x, layers=[layer], **given)
    return estimate


def estimate_layers(
    network: nn.Module,
    x: Tensor,
    *,
    y: Tensor | None = None,
    layers: Sequence[int] | None = None,
    method: str = "coupled",
    seed: int = 0,
    progress: bool = False,
    **settings,
) -> list[Estimate]:
    """I(X;T_ℓ), and I(Y;T_ℓ) if labels ``y`` [N] are given, of several ``layers``.

    ``layers`` None: all layers that the method covers. Not every method estimates I(Y;T_ℓ). One
    sampling pass serves all layers and both targets. Otherwise as ``mutual_information``.
    """
    with torch.device("cpu"):  # independent of the caller's default device
        task, chosen = _task(network, x, y, layers, method, seed, settings)
        return _estimated(task, chosen, method, progress)


def _estimated(task: Task, chosen: list[Layer], method: str, progress: bool) -> list[Estimate]:
    if not _finite(task.sampler.network):
        return _without_value(task, chosen, method, Status.FAILED)
    vacuous = [layer for layer in chosen if layer.beta == 0]
    # independent of the caller's settings of numpy: overflow ends in a value that is not finite,
    # whose status is failed, and densities may underflow to 0
    errors = np.errstate(over="ignore", invalid="ignore", under="ignore", divide="warn")
    with errors, one_blas_thread():
        found = METHODS[method].estimates(task, progress)
    found += _without_value(task, vacuous, method, Status.VACUOUS)
    return sorted(found, key=lambda e: (e.layer, e.target))


def estimate_what_can_be(
    network: nn.Module,
    x: Tensor,
    *,
    y: Tensor | None = None,
    method: str = "coupled",
    seed: int = 0,
    **settings,
) -> tuple[list[Estimate], dict[int, Exception]]:
    """As ``estimate_layers``, for all layers; a layer that raises an error has status ``failed``.

    Also returns the errors, by layer number. Layers don't depend on each other: if one fails, each
    of the others is estimated alone, and has the same values as when all are estimated together.
    """
    given = {"y": y, "method": method, "seed": seed, **settings}
    try:
        return estimate_layers(network, x, **given), {}
    except Exception as error:
        raise_interruption_behind(error)
        task, chosen = _task(network, x, y, None, method, seed, settings)
    found, errors = [], {}
    for layer in chosen:
        try:
            found += estimate_layers(network, x, layers=[layer.number], **given)
        except Exception as error:
            raise_interruption_behind(error)
            errors[layer.number] = error
            found += _without_value(task, [layer], method, Status.FAILED)
    return found, errors


def _task(
    network: nn.Module,
    x: Tensor,
    y: Tensor | None,
    layers: Sequence[int] | None,
    method: str,
    seed: int,
    settings: dict[str, Any],
) -> tuple[Task, list[Layer]]:
    """The task of estimating the chosen layers with Gaussian noise, and a list of all chosen."""
    means, asked = _method(method), Settings(**settings)
    sampler = Sampler(network, x, seed)
    if y is not None:
        y = as_labels(y, len(sampler))
    chosen = _chosen_layers(sampler, layers, method)
    labels = labels_of(y) if y is not None and means.labels else None
    noisy = [layer for layer in chosen if layer.beta > 0]
    return Task(sampler, noisy, labels_of(sampler.x), labels, asked), chosen


def coupled_task(
    network: nn.Module,
    x: Tensor,
    layers: Sequence[int] | None,
    seed: int,
    settings: dict[str, Any],
) -> Task:
    """The task of method ``coupled`` for I(X;T) of those ``layers`` that have Gaussian noise."""
    return _task(network, x, None, layers, "coupled", seed, settings)[0]


def layers_left_out(network: nn.Module, x: Tensor, method: str) -> list[int]:
    """Numbers of the layers with Gaussian noise that ``method`` does not cover."""
    sampler = Sampler(network, x, seed=0)
    return [layer.number for layer in sampler.layers if not _covers(sampler, layer, method)]


def _covers(sampler: Sampler, layer: Layer, method: str) -> bool:
    # a layer without Gaussian noise gets a row from every method, with status vacuous
    return layer.beta == 0 or METHODS[method].covers(sampler, layer)


def _method(name: str) -> Method:
    if name not in METHODS:
        raise UnmeasurableError(f"method = {name}: one of {', '.join(METHODS)} is needed")
    return METHODS[name]


def _chosen_layers(sampler: Sampler, numbers: Sequence[int] | None, method: str) -> list[Layer]:
    if numbers is None:
        return [layer for layer in sampler.layers if _covers(sampler, layer, method)]
    for number in numbers:
        if not isinstance(number, int | np.integer):
            raise UnmeasurableError(f"layer = {number}: a whole number is needed, counted from 1")
        if not 1 <= number <= len(sampler.layers):
            raise UnmeasurableError(f"layer = {number}: the network has 1 to {len(sampler.layers)}")
        if not _covers(sampler, sampler.layers[number - 1], method):
            needs = METHODS[method].needs
            raise UnmeasurableError(f"layer = {number}: method {method} needs {needs}")
    return [sampler.layers[number - 1] for number in numbers]


def _finite(network: nn.Module) -> bool:
    # buffers are not checked: attention masks are infinite
    return all(bool(torch.isfinite(tensor).all()) for tensor in network.parameters())


def _without_value(task: Task, layers: list[Layer], method: str, status: Status) -> list[Estimate]:
    return [
        Estimate.of(layer, target, method, Values(status=status))
        for layer in layers
        for target, _ in task.targets
    ]
