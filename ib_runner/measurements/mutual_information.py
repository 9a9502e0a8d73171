"""I(X;T_ℓ) and I(Y;T_ℓ) in nats, of every hidden layer, by one or several methods."""

import copy
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Annotated, Any

import pandas as pd
from torch import Tensor, nn

from ib_runner.information.estimate_layers import estimate_what_can_be, layers_left_out
from ib_runner.information.forecast import Forecast, forecasts, seconds_of_draws
from ib_runner.information.methods.registry import METHODS
from ib_runner.measurements.epochs import log_spaced
from ib_runner.measurements.measurement import EveryEpoch, LayersFailedError, cause, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks.noise import at_noise_level
from ib_runner.rules import (
    ANY_METHODS,
    BUDGET,
    DRAWS,
    NOISE_LEVELS,
    POSITIVE,
    SOME_METHODS,
    TARGETS,
    TWO_DRAWS,
    whole,
)


class MutualInformation(EveryEpoch):
    """Mutual information by ``methods`` (names of ``information.estimate_layers``).

    ``targets`` are x (input) and y (label). ``sparse_methods`` are slow, and are made at
    ``sparse_epochs`` log-spaced epochs only, as the paper's estimator for comparison. Layers to
    which a method does not apply get no row. ``betas``: the noise levels to measure at (None: the
    network's own). The other keys are those of ``Settings``, where None stands for its defaults.
    """

    table = "mutual_information"

    def __init__(
        self,
        methods: Annotated[Sequence[str], SOME_METHODS],
        targets: Annotated[Sequence[str], TARGETS] = ("x",),
        sparse_methods: Annotated[Sequence[str], ANY_METHODS] = ("paper", "nearest_neighbours"),
        sparse_epochs: Annotated[int, whole(1)] = 5,
        betas: Annotated[Sequence[float] | None, NOISE_LEVELS] = None,
        n_x: Annotated[int | None, TWO_DRAWS] = None,
        n_o: Annotated[int | None, DRAWS] = None,
        n_mc: Annotated[int | None, TWO_DRAWS] = None,
        target_width: Annotated[float | None, POSITIVE] = None,
        budget: Annotated[float | None, BUDGET] = None,
    ):
        sizes = {"n_x": n_x, "n_o": n_o, "n_mc": n_mc, "budget": budget}
        sizes["target_width"] = target_width
        self.methods = list(methods)
        self.targets = tuple(targets)
        self.sparse_methods = set(sparse_methods)
        self.sparse_epochs = sparse_epochs
        self.betas = betas
        self.sizes: dict[str, Any] = {
            name: size for name, size in sizes.items() if size is not None
        }

    def remarks(self, network: nn.Module, x: Tensor) -> list[str]:
        """A sentence for each method that does not apply to some layer of ``network``."""
        left_out = {method: layers_left_out(network, x, method) for method in self.methods}
        return [
            f"method {method}: layer {', '.join(map(str, layers))} left out, it needs "
            f"{METHODS[method].needs}"
            for method, layers in left_out.items()
            if layers
        ]

    def methods_by_epoch(self, epochs: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """All methods at a few log-spaced ``epochs``; at the others, the methods not sparse.

        No more than ``sparse_epochs`` epochs are few: all of them then, epoch 0 included.
        """
        positive = [epoch for epoch in epochs if epoch > 0]
        enough = len(epochs) <= self.sparse_epochs
        few = set(epochs if enough else log_spaced(positive, self.sparse_epochs))
        dense = tuple(one for one in self.methods if one not in self.sparse_methods)
        return {epoch: tuple(self.methods) if epoch in few else dense for epoch in epochs}

    def by(self, methods: Sequence[str]) -> "MutualInformation":
        """The same measurement, restricted to ``methods``."""
        one = copy.copy(self)
        one.methods = list(methods)
        return one

    def intervals(self, snapshot: Snapshot) -> list[Forecast]:
        """The forecast of the certified intervals of I(X;T), at the last of the noise levels."""
        return forecasts(*self._last(snapshot), seed=_seed(snapshot, "coupled"), **self.sizes)

    def seconds_of_draws(self, snapshot: Snapshot) -> dict[int, float]:
        """Processor seconds, by layer, of the draws before ``intervals`` can be said."""
        seed = _seed(snapshot, "coupled")
        return seconds_of_draws(*self._last(snapshot), seed=seed, **self.sizes)

    def _last(self, snapshot: Snapshot) -> tuple[nn.Module, Tensor]:
        """The network at the last of the noise levels, and its inputs."""
        return self._networks(snapshot)[-1], snapshot.inputs.x

    def _networks(self, snapshot: Snapshot) -> list[nn.Module]:
        if self.betas is None:
            return [snapshot.network]
        return [at_noise_level(snapshot.network, beta) for beta in self.betas]

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        estimates, causes = [], []
        for method, network in product(self.methods, self._networks(snapshot)):
            found, errors = estimate_what_can_be(
                network,
                snapshot.inputs.x,
                y=snapshot.inputs.y if "y" in self.targets else None,
                method=method,
                seed=_seed(snapshot, method),
                **self.sizes,
            )
            estimates += found
            causes += [(layer, f"method {method}: {cause(one)}") for layer, one in errors.items()]
        table = rows(
            [
                {"epoch": snapshot.epoch, **asdict(estimate), "status": str(estimate.status.value)}
                for estimate in estimates
            ]
        )
        if causes:
            raise LayersFailedError(table, causes)
        return table


def _seed(snapshot: Snapshot, method: str) -> int:
    return snapshot.stream(f"mutual_information {method}")
