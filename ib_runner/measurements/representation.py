"""T of chosen layers, sample by sample (the scatter plots of Fig. 5; the data of Fig. 11)."""

from collections.abc import Sequence
from typing import Annotated

import pandas as pd
import torch
from torch import Tensor

from ib_runner.measurements.snapshot import Snapshot
from ib_runner.rules import LAYERS_FROM_END, MADE_EPOCHS


class Representation:
    """T of ``layers``, which count from 0, the input, or backwards from −1, the last hidden layer.

    ``epochs``: the epochs to keep, as far as they are measured. None means all, since only after
    measuring is it known which epochs are worth a scatter plot.
    """

    table = "representation"

    def __init__(
        self,
        layers: Annotated[Sequence[int], LAYERS_FROM_END] = (-1,),
        epochs: Annotated[Sequence[int] | None, MADE_EPOCHS] = None,
    ):
        self.layers = layers
        self.epochs = epochs

    def select(self, epochs: Sequence[int]) -> Sequence[int]:
        return epochs if self.epochs is None else sorted(set(epochs) & set(self.epochs))

    def __call__(self, snapshot: Snapshot) -> pd.DataFrame:
        n_layers = len(snapshot.channels)
        chosen = sorted({layer if layer >= 0 else n_layers + 1 + layer for layer in self.layers})
        return pd.concat([self._layer(snapshot, layer) for layer in chosen], ignore_index=True)

    def _layer(self, snapshot: Snapshot, layer: int) -> pd.DataFrame:
        values = snapshot.representations[layer].float().numpy()
        return pd.DataFrame(
            {
                "epoch": snapshot.epoch,
                "layer": layer,
                "sample": range(len(values)),
                "label": _classes(snapshot.inputs.y).numpy(),
                "noise": snapshot.noisy and layer > 0,
                "value": list(values),
            }
        )


def _classes(y: Tensor) -> Tensor:
    """The class of each input; where targets are real numbers, or several, all are of class 0."""
    one_class = y.is_floating_point() or y.dim() > 1
    return torch.zeros(len(y), dtype=torch.int64) if one_class else y
