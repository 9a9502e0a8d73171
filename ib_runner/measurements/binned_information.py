"""I(X;Bin(T_ℓ)) and I(Y;Bin(T_ℓ)) of a network without noise (Fig. 1; Shwartz-Ziv & Tishby).

Without noise Bin(T_ℓ) is a function of X, so that I(X;Bin(T_ℓ)) = H(Bin(T_ℓ)) and
I(Y;Bin(T_ℓ)) = H(Bin(T_ℓ)) − H(Bin(T_ℓ)|Y). A network with noise gets no rows.
"""

from typing import Annotated

import pandas as pd
import torch

from ib_runner.information.binning import binned_entropy
from ib_runner.information.estimate import Status
from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.rules import POSITIVE, RANGE_OF

METHOD = "binned"


class BinnedInformation(EveryEpoch):
    """Rows of ``mutual_information`` by the method ``binned``, with bins of ``bin_width``.

    ``activation`` is that of ``BinnedEntropy``.
    """

    table = "mutual_information"

    def __init__(
        self,
        bin_width: Annotated[float, POSITIVE],
        activation: Annotated[str | None, RANGE_OF] = None,
    ):
        self.bin_width = bin_width
        self.activation = activation

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        if snapshot.noisy:
            return pd.DataFrame()
        return rows(
            [
                {
                    "epoch": snapshot.epoch,
                    "layer": layer,
                    "dim": values.shape[1],
                    "target": target,
                    "method": METHOD,
                    "mi": mi,
                    **dict.fromkeys(("stderr", "lower", "upper", "h_t", "h_t_given_x")),
                    "beta": 0.0,
                    **dict.fromkeys(("n_x", "n_o", "n_mc")),
                    "status": str(Status.NOT_CERTIFIED.value),
                    "seconds": 0.0,
                }
                for layer, values in enumerate(snapshot.representations[1:], start=1)
                for target, mi in self._both(snapshot, layer).items()
            ]
        )

    def _both(self, snapshot: Snapshot, layer: int) -> dict[str, float]:
        """I(X;Bin(T)) and I(Y;Bin(T)) of a layer, nats."""
        values, y = snapshot.representations[layer], snapshot.inputs.y
        bounds = snapshot.bounds(layer, self.activation)
        lowest = None if bounds is None else bounds[0]
        total = binned_entropy(values, self.bin_width, lowest=lowest)
        classes, counts = torch.unique(y, return_counts=True)
        given_y = sum(
            count / len(y) * binned_entropy(values[y == one], self.bin_width, lowest=lowest)
            for one, count in zip(classes, counts.tolist(), strict=True)
        )
        return {"x": total, "y": max(total - given_y, 0.0)}
