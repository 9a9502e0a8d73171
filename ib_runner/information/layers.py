"""I(X;T_ℓ) and I(Y;T_ℓ) of a noisy network, for one layer or for all from one sampling pass."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ib_runner.information import coupled, high_dimensional, paper
from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.labels import Labels
from ib_runner.information.sample_propagation import Layer, Sampler

METHODS = ("coupled", "paper")


def mutual_information(
    network: nn.Module,
    x: Tensor,
    layer: int,
    *,
    method: str = "coupled",
    target_width: float = 0.05,
    n_x: int | None = None,
    n_o: int | None = None,
    n_mc: int | None = None,
    budget: int | None = None,
    seed: int = 0,
) -> Estimate:
    """I(X;T_layer) in nats, with a certified 95 % interval, for X uniform over the rows of ``x``.

    ``network``: any module with noise channels behind its hidden layers; only the noise is turned
    on. ``x`` [N, …]; ``layer`` counts from 1. ``method``: "coupled" (the interval, see
    ``coupled``) or "paper" (eq. (1)). Sizes that are None are chosen; see ``Estimate`` for their
    meaning. The answer is a function of the weights, ``x``, the settings and ``seed``.

    Raises ``ValueError`` for a layer or method that does not exist, sizes that are not positive,
    and a network without noise channels.
    """
    (estimate,) = estimate_layers(
        network,
        x,
        layers=[layer],
        method=method,
        target_width=target_width,
        n_x=n_x,
        n_o=n_o,
        n_mc=n_mc,
        budget=budget,
        seed=seed,
    )
    return estimate


def estimate_layers(
    network: nn.Module,
    x: Tensor,
    *,
    y: Tensor | None = None,
    layers: Sequence[int] | None = None,
    method: str = "coupled",
    target_width: float = 0.05,
    n_x: int | None = None,
    n_o: int | None = None,
    n_mc: int | None = None,
    budget: int | None = None,
    seed: int = 0,
) -> list[Estimate]:
    """I(X;T_ℓ), and I(Y;T_ℓ) if labels ``y`` [N] are given, of several layers (all by default).

    One sampling pass serves all layers and both targets. Otherwise as ``mutual_information``.
    """
    _check(x, y, method, n_x=n_x, n_o=n_o, n_mc=n_mc, budget=budget)
    sampler = Sampler(network, x, seed)
    chosen = _chosen_layers(sampler, layers)
    targets = ("x",) if y is None or method == "paper" else ("x", "y")
    if not _finite(network):
        return [_without_value(a, b, method, Status.FAILED) for a in chosen for b in targets]
    noisy = [layer for layer in chosen if layer.beta > 0]
    inputs = Labels(x)
    if method == "paper":
        found = paper.estimates(sampler, noisy, n_x or paper.N_X, n_mc or paper.N_MC)
    else:
        labels = None if y is None else Labels(y)
        few = [layer for layer in noisy if layer.dim <= high_dimensional.MANY_UNITS]
        many = [layer for layer in noisy if layer.dim > high_dimensional.MANY_UNITS]
        settings = coupled.Settings(target_width, n_x, n_o, n_mc, budget)
        found = coupled.estimates(sampler, few, settings, inputs, labels)
        found += high_dimensional.estimates(sampler, many, n_mc, inputs.entropy)
    vacuous = [layer for layer in chosen if layer.beta == 0]
    found += [_without_value(a, b, method, Status.VACUOUS) for a in vacuous for b in targets]
    return sorted(found, key=lambda e: (e.layer, e.target))


def _check(x: Tensor, y: Tensor | None, method: str, **sizes: int | None) -> None:
    if method not in METHODS:
        raise ValueError(f"method = {method}: one of {', '.join(METHODS)} is needed")
    if y is not None and len(y) != len(x):
        raise ValueError(f"{len(y)} labels for {len(x)} inputs")
    for name, size in sizes.items():
        least = 2 if name == "n_mc" else 1
        if size is not None and size < least:
            raise ValueError(f"{name} = {size}: at least {least} is needed")


def _chosen_layers(sampler: Sampler, numbers: Sequence[int] | None) -> list[Layer]:
    if numbers is None:
        return sampler.layers
    for number in numbers:
        if not 1 <= number <= len(sampler.layers):
            raise ValueError(f"layer = {number}: the network has 1 to {len(sampler.layers)}")
    return [sampler.layers[number - 1] for number in numbers]


def _finite(network: nn.Module) -> bool:
    tensors = (*network.parameters(), *network.buffers())
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def _without_value(layer: Layer, target: str, method: str, status: Status) -> Estimate:
    return Estimate(
        layer=layer.number,
        dim=layer.dim,
        target=target,
        method=method,
        mi=None,
        stderr=None,
        lower=None,
        upper=None,
        h_t=None,
        h_t_given_x=None,
        beta=layer.beta,
        n_x=None,
        n_o=None,
        n_mc=None,
        status=status,
        seconds=0.0,
    )
