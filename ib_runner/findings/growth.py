"""Whether the values of a layer keep growing (supplement 8.1, ReLU units)."""

from typing import Any

import numpy as np
import pandas as pd

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import of_layer

#: quantile of a layer's absolute values: large values, but not those of single samples
QUANTILE = 0.99


class Growth(Finding):
    """The 99 % quantile of a layer's absolute values at the last epoch over that at ``since``.

    ``layer`` counts from 1, or backwards from −1; the table ``representation`` must have it.
    """

    def __init__(self, layer: int, since: int, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer
        self.since = since
        self.quantity = f"the growth of the layer's large values after epoch {since} (a factor)"

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = of_layer(self.table(tables, "representation"), self.layer)
        epochs = np.unique(rows.loc[rows["epoch"] >= self.since, "epoch"])
        if len(epochs) < 2:
            raise Undecidable(
                f"layer {self.layer} is in the table at {len(epochs)} epochs from {self.since} on"
            )
        begin, end = (_large(rows[rows["epoch"] == epoch]) for epoch in (epochs[0], epochs[-1]))
        if begin == 0:
            raise Undecidable(f"all values are 0 at epoch {epochs[0]}")
        text = f"99 % of the values below {begin:.2f} in size at epoch {epochs[0]}"
        text += f", below {end:.2f} at epoch {epochs[-1]}"
        return Quantity(text, end / begin, end / begin)


def _large(rows: pd.DataFrame) -> float:
    return float(np.quantile(np.abs(np.stack(rows["value"].to_list())), QUANTILE))
