"""Whether clusters are mostly of one class (section 5.1, "clusters comprising mostly …")."""

from typing import Any

import numpy as np
import torch

from ib_runner.findings.context import Context, Tables
from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.findings.information import of_layer
from ib_runner.geometry.clusters import clusters

#: with a smaller share of the samples in clusters there is no clustering to speak of
LEAST_CLUSTERED = 0.5


class ClusterPurity(Finding):
    """The share of clustered samples that are of their cluster's commonest class, at the end.

    Clusters are cells of width 10β with two samples or more, the symbols of H(Bin(T_ℓ)).
    ``layer`` counts from 1, or backwards from −1.
    """

    quantity = "the purity of the clusters"

    def __init__(self, layer: int, **bounds: Any):
        super().__init__(**bounds)
        self.layer = layer

    def measure(self, tables: Tables, context: Context) -> Quantity:
        rows = of_layer(self.table(tables, "representation"), self.layer)
        last = rows[rows["epoch"] == rows["epoch"].max()]
        if last.empty:
            raise Undecidable(f"the representations of layer {self.layer} are not in the table")
        values = torch.from_numpy(np.stack(last["value"].to_list()))
        labels = torch.tensor(last["label"].to_numpy())
        found = clusters(values, labels, 10 * context.beta)
        text = (
            f"{found.n_clusters} clusters hold {100 * found.share:.0f} % of the samples at epoch "
            f"{last['epoch'].iloc[0]}, {100 * found.purity:.1f} % of these in their cluster's class"
        )
        if found.share < LEAST_CLUSTERED:
            raise Undecidable(f"{text}; {100 * LEAST_CLUSTERED:.0f} % in clusters are needed")
        return Quantity(text, found.purity, found.purity)
