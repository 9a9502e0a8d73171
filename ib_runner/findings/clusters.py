"""Whether clusters are mostly of one class (section 5.1, "clusters comprising mostly …")."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ib_runner.findings.finding import Finding, Quantity, Undecidable
from ib_runner.information.binning import bin_codes
from ib_runner.selections.context import Context, Tables
from ib_runner.selections.information import of_layer

#: share of the samples in clusters below which a layer counts as not clustered
LEAST_CLUSTERED = 0.5


class ClusterPurity(Finding):
    """The share of clustered samples that are of their cluster's commonest class.

    At the last epoch. Clusters are the bins of H(Bin(T_ℓ)), of the default width 10β, that hold two
    samples or more.
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
        layer = int(last["layer"].iloc[0])
        found = clusters(values, labels, self.facts(tables).bin_width(layer))
        text = (
            f"{found.n_clusters} clusters hold {100 * found.share:.0f} % of the samples at epoch "
            f"{last['epoch'].iloc[0]}, {100 * found.purity:.1f} % of these in their cluster's class"
        )
        if found.share < LEAST_CLUSTERED:
            raise Undecidable(f"{text}; {100 * LEAST_CLUSTERED:.0f} % in clusters are needed")
        return Quantity(text, found.purity, found.purity)


@dataclass(frozen=True)
class Clusters:
    """Clusters: the cells of a grid that hold two samples or more.

    The ``n_clusters`` clusters hold a ``share`` of all samples, the largest cluster a share
    ``largest``. ``purity`` is the share of the clustered samples that are of the commonest class
    in their cluster; NaN where there is no cluster.
    """

    n_clusters: int
    share: float
    largest: float
    purity: float


def clusters(values: Tensor, labels: Tensor, resolution: float) -> Clusters:
    """The clusters of ``values`` [n, d], of classes ``labels`` [n], in cells ``resolution`` wide.

    The cells are the bins of H(Bin(T)). They have a fixed size: linking near neighbours instead
    would make a single cluster of a long curve.

    Raises ``ValueError`` as ``bin_codes`` does, and where labels and values differ in number.
    """
    if labels.shape != values.shape[:1]:
        raise ValueError(
            f"labels of shape {tuple(labels.shape)}: one for each of {len(values)} rows"
        )
    codes = np.ascontiguousarray(bin_codes(values, resolution))
    rows = codes.view(np.dtype((np.void, codes.shape[1] * codes.itemsize))).ravel()
    cell, size = np.unique(rows, return_inverse=True, return_counts=True)[1:]
    classes = np.unique(labels.detach().cpu().numpy(), return_inverse=True)[1]
    of_class = np.zeros((len(size), classes.max() + 1), dtype=np.int64)
    np.add.at(of_class, (cell, classes), 1)
    shared = size >= 2
    n_clustered = int(size[shared].sum())
    return Clusters(
        n_clusters=int(shared.sum()),
        share=n_clustered / len(values),
        largest=int(size[shared].max(initial=0)) / len(values),
        purity=float(of_class[shared].max(axis=1).sum()) / n_clustered if n_clustered else math.nan,
    )
