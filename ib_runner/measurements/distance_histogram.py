"""Within- and between-class pairwise distances, from the input on (Fig. 6 and 8)."""

from collections.abc import Sequence

import pandas as pd
import torch

from ib_runner.geometry.distances import distance_histogram
from ib_runner.measurements.histogram import histogram_rows
from ib_runner.measurements.measurement import rows
from ib_runner.measurements.snapshot import Snapshot


class DistanceHistogram:
    """``bins`` equal bins from 0 to the diagonal of the box that holds the layer's values.

    ``epochs``: those to be made, as far as they are measured; None are all.
    """

    table = "distance_histogram"

    def __init__(self, bins: int = 100, epochs: Sequence[int] | None = None):
        self.bins = bins
        self.epochs = epochs

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        return epochs if self.epochs is None else sorted(set(epochs) & set(self.epochs))

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        table = []
        labels = snapshot.inputs.y
        for layer, values in enumerate(snapshot.representations):
            diagonal = (values.amax(0) - values.amin(0)).norm().item()
            # bins must have a width even where all values coincide
            edges = torch.linspace(0.0, max(diagonal, 1e-9) * (1 + 1e-6), self.bins + 1).double()
            noisy = snapshot.noisy and layer > 0
            for pairs, counts in zip(
                ("within", "between"),
                distance_histogram(values, labels, edges),
                strict=True,
            ):
                head = {"epoch": snapshot.epoch, "layer": layer, "pairs": pairs, "noise": noisy}
                table += [{**head, **row} for row in histogram_rows(counts, edges)]
        return rows(table)
