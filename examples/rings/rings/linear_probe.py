"""A measurement with a table of its own: how well a linear classifier reads the class."""

from typing import ClassVar

import pandas as pd
import pyarrow as pa
import torch
from torch.nn.functional import one_hot

from ib_runner.measurements import EPOCH, LAYER, Column, EveryEpoch, Snapshot, rows


class LinearProbe(EveryEpoch):
    """Least squares from each layer's representation to the classes; layer 0 is the input."""

    table = "linear_probe"
    columns: ClassVar = {
        "epoch": EPOCH,
        "layer": LAYER,
        "accuracy": Column(pa.float64(), "fraction"),
    }

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        return rows(
            [
                {
                    "epoch": snapshot.epoch,
                    "layer": layer,
                    "accuracy": probe_accuracy(t, snapshot.inputs.y),
                }
                for layer, t in enumerate(snapshot.representations)
            ]
        )


def probe_accuracy(t: torch.Tensor, y: torch.Tensor) -> float:
    """The share of inputs, representations ``t`` [n, d] and classes ``y`` [n], that it gets right.

    Measured where it was fitted, which flatters it when d is not much smaller than n.
    """
    t = torch.cat([t, torch.ones(len(t), 1, dtype=t.dtype)], dim=1)
    weights = torch.linalg.lstsq(t, one_hot(y).to(t.dtype)).solution
    return ((t @ weights).argmax(1) == y).double().mean().item()
