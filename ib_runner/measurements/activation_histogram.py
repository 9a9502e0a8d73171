"""Histograms of the units' values, one for each layer (the top rows of Fig. 5 and 10)."""

from typing import Annotated

import pandas as pd
import torch

from ib_runner.measurements.histogram import histogram_rows
from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.rules import RANGE_OF, whole

#: range for unbounded activations, as in Fig. 10; the end bins also count all values beyond
UNBOUNDED_RANGE = (-5.0, 5.0)


class ActivationHistogram(EveryEpoch):
    """A histogram with ``bins`` equal bins over the range of S; the end bins count values beyond.

    ``activation`` names the activation whose range is taken for all layers; None: the range of each
    layer is found from the network.
    """

    table = "activation_histogram"

    def __init__(
        self,
        bins: Annotated[int, whole(1)] = 100,
        activation: Annotated[str | None, RANGE_OF] = None,
    ):
        self.bins = bins
        self.activation = activation

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        table = []
        for layer, values in enumerate(snapshot.representations[1:], start=1):
            ends = snapshot.bounds(layer, self.activation) or UNBOUNDED_RANGE
            edges = torch.linspace(*ends, self.bins + 1, dtype=torch.float64)
            bins = torch.bucketize(values.flatten(), edges[1:-1], right=True)
            counts = torch.bincount(bins, minlength=self.bins)
            head = {"epoch": snapshot.epoch, "layer": layer, "noise": snapshot.noisy}
            table += [{**head, **row} for row in histogram_rows(counts, edges)]
        return rows(table)
