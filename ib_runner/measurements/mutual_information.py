"""I(X;T_ℓ), and I(Y;T_ℓ) if asked for, of every hidden layer, by one or several methods."""

import copy
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import product

import pandas as pd
from torch import Tensor, nn

from ib_runner.information.layers import estimate_what_can_be, layers_left_out
from ib_runner.information.methods.registry import METHODS
from ib_runner.information.task import Settings
from ib_runner.measurements.epochs import log_spaced
from ib_runner.measurements.measurement import EveryEpoch, LayersFailedError, cause, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks.noise import at_noise_level


class MutualInformation(EveryEpoch):
    """``methods`` are names of ``information.estimate_layers``; ``targets`` are x, y.

    ``sparse_methods`` are for ``sparse_epochs`` log-spaced epochs only, being slow: the paper's
    estimator is there to be compared with, at a few epochs. Layers that a method is not for have
    no row of it. ``betas``: the noise levels to measure at, None: the network's own. ``sizes`` are
    those of ``Settings``.

    Raises ``TypeError`` for sizes that there are not.
    """

    table = "mutual_information"

    def __init__(
        self,
        methods: Sequence[str],
        targets: Sequence[str] = ("x",),
        sparse_methods: Sequence[str] = ("paper", "nearest_neighbours"),
        sparse_epochs: int = 5,
        betas: Sequence[float] | None = None,
        **sizes,
    ):
        known = [field.name for field in fields(Settings)]
        for name in sizes:
            if name not in known:
                raise TypeError(f"{name}={sizes[name]}: no such key; sizes are {', '.join(known)}")
        self.methods = list(methods)
        self.targets = tuple(targets)
        self.sparse_methods = set(sparse_methods)
        self.sparse_epochs = sparse_epochs
        self.betas = betas
        self.sizes = {name: size for name, size in sizes.items() if size is not None}

    def remarks(self, network: nn.Module, x: Tensor) -> list[str]:
        """A sentence for each method that is not for all layers of ``network``."""
        left_out = {method: layers_left_out(network, x, method) for method in self.methods}
        return [
            f"method {method}: layer {', '.join(map(str, layers))} left out, it needs "
            f"{METHODS[method].needs}"
            for method, layers in left_out.items()
            if layers
        ]

    def methods_by_epoch(self, epochs: Sequence[int]) -> dict[int, tuple[str, ...]]:
        """All methods at a few log-spaced ones of ``epochs``, at the others those not sparse."""
        few = set(log_spaced([epoch for epoch in epochs if epoch > 0], self.sparse_epochs))
        dense = tuple(one for one in self.methods if one not in self.sparse_methods)
        return {epoch: tuple(self.methods) if epoch in few else dense for epoch in epochs}

    def by(self, methods: Sequence[str]) -> "MutualInformation":
        """The same measurement, by ``methods`` alone."""
        one = copy.copy(self)
        one.methods = list(methods)
        return one

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        networks = [snapshot.network]
        if self.betas is not None:
            networks = [at_noise_level(snapshot.network, beta) for beta in self.betas]
        estimates, causes = [], []
        for method, network in product(self.methods, networks):
            found, errors = estimate_what_can_be(
                network,
                snapshot.inputs.x,
                y=snapshot.inputs.y if "y" in self.targets else None,
                method=method,
                seed=snapshot.stream(f"mutual_information {method}"),
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
