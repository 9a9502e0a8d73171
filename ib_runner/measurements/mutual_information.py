"""I(X;T_ℓ), and I(Y;T_ℓ) if asked for, of every hidden layer, by one or several methods."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from ib_runner.information import estimate_layers
from ib_runner.measurements.epochs import log_spaced
from ib_runner.measurements.measurement import rows
from ib_runner.measurements.snapshot import Snapshot


class MutualInformation:
    """``methods`` are names of ``information.estimate_layers``; ``targets`` are x, y.

    ``sparse_methods`` run at ``sparse_epochs`` log-spaced epochs only, being slow: the paper's
    estimator is there to be compared with, at a few epochs.
    """

    table = "mutual_information"

    def __init__(
        self,
        methods: Sequence[str],
        targets: Sequence[str] = ("x",),
        sparse_methods: Sequence[str] = ("paper",),
        sparse_epochs: int = 5,
        **sizes,
    ):
        self.methods = list(methods)
        self.targets = tuple(targets)
        self.sparse_methods = set(sparse_methods)
        self.sparse_epochs = sparse_epochs
        self.sizes = {name: size for name, size in sizes.items() if size is not None}
        self._sparse: set[int] = set()

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        self._sparse = set(log_spaced([epoch for epoch in epochs if epoch > 0], self.sparse_epochs))
        return epochs

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        estimates = []
        for method in self.methods:
            if method in self.sparse_methods and snapshot.epoch not in self._sparse:
                continue
            estimates += estimate_layers(
                snapshot.network,
                snapshot.inputs.x,
                y=snapshot.inputs.y if "y" in self.targets else None,
                method=method,
                seed=snapshot.stream(f"mutual_information {method}"),
                **self.sizes,
            )
        return rows(
            [
                {"epoch": snapshot.epoch, **asdict(estimate), "status": str(estimate.status.value)}
                for estimate in estimates
            ]
        )
