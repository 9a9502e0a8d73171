"""How samples gather in clusters, and how pure these are (section 5.1)."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ib_runner.information.binning import bin_codes


@dataclass(frozen=True)
class Clusters:
    """Clusters: the cells of a grid that hold two samples or more.

    ``n_clusters`` of them hold a ``share`` of all samples; ``largest`` is the share of the
    largest one. ``purity`` is the share of the clustered samples that are of the commonest class
    in their cluster; NaN if there is no cluster.
    """

    n_clusters: int
    share: float
    largest: float
    purity: float


def clusters(values: Tensor, labels: Tensor, resolution: float) -> Clusters:
    """The clusters of ``values`` [n, d], of classes ``labels`` [n], on a grid of ``resolution``.

    The grid is that of H(Bin(T)), so with 10β what is one cluster here is one symbol there. Cells
    have a fixed size: linking near neighbours instead would make one cluster of a long curve.

    Raises ``ValueError`` as ``bin_codes``, and if labels and values differ in number.
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
