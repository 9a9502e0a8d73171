"""Histograms of the units' values, one for each layer (the top rows of Fig. 5 and 10)."""

import pandas as pd
import torch

from ib_runner.measurements.histogram import histogram_rows
from ib_runner.measurements.measurement import EveryEpoch, rows
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks.activations import BOUNDS

#: unbounded activations: the end bins collect everything beyond, as in Fig. 10
UNBOUNDED_RANGE = (-5.0, 5.0)


class ActivationHistogram(EveryEpoch):
    """``bins`` equal bins over the activation's range; the end bins also hold what is beyond."""

    table = "activation_histogram"

    def __init__(self, bins: int = 100, activation: str | None = None):
        lowest, highest = BOUNDS.get(activation, UNBOUNDED_RANGE)
        self.edges = torch.linspace(lowest, highest, bins + 1, dtype=torch.float64)

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        inner = self.edges[1:-1]
        table = []
        for layer, values in enumerate(snapshot.representations[1:], start=1):
            bins = torch.bucketize(values.flatten(), inner, right=True)
            counts = torch.bincount(bins, minlength=len(inner) + 1)
            head = {"epoch": snapshot.epoch, "layer": layer, "noise": snapshot.noisy}
            table += [{**head, **row} for row in histogram_rows(counts, self.edges)]
        return rows(table)
