"""T of chosen layers, sample by sample (the scatter plots of Fig. 5)."""

from collections.abc import Sequence

import pandas as pd

from ib_runner.measurements.measurement import EveryEpoch
from ib_runner.measurements.snapshot import Snapshot


class Representation(EveryEpoch):
    """``layers`` count from 1, or backwards from −1, the last hidden layer.

    At every measured epoch, because which ones are worth a scatter plot is known afterwards.
    """

    table = "representation"

    def __init__(self, layers: Sequence[int] = (-1,)):
        self.layers = layers

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        n_layers = len(snapshot.channels)
        chosen = sorted({layer if layer > 0 else n_layers + 1 + layer for layer in self.layers})
        return pd.concat([self._layer(snapshot, layer) for layer in chosen], ignore_index=True)

    def _layer(self, snapshot: Snapshot, layer: int) -> pd.DataFrame:
        values = snapshot.representations[layer].float().numpy()
        return pd.DataFrame(
            {
                "epoch": snapshot.epoch,
                "layer": layer,
                "sample": range(len(values)),
                "label": snapshot.inputs.y.numpy(),
                "noise": snapshot.noisy,
                "value": list(values),
            }
        )
