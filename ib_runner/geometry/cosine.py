"""Cosine similarities of two networks' representations of the same inputs (Fig. 3)."""

import torch
from torch import Tensor


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """The cosine of the angle between row i of ``a`` and of ``b``, [n, …] each: float64 [n].

    NaN where a row is zero and has no direction. Raises ``ValueError`` unless shapes agree.
    """
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(f"representations of shapes {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = (rows.detach().flatten(1).to(torch.float64) for rows in (a, b))
    return ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))).clamp(-1.0, 1.0)


def cosine_histogram(a: Tensor, b: Tensor, n_bins: int) -> tuple[Tensor, Tensor]:
    """Counts, int64 [n_bins], of the rows' cosine similarities, and the bins' edges on [−1, 1].

    A bin holds left ≤ cosine < right, the last one 1 too. Rows without direction are left out.
    """
    edges = torch.linspace(-1.0, 1.0, n_bins + 1, dtype=torch.float64)
    cosines = cosine_similarity(a, b)
    bins = torch.bucketize(cosines[~cosines.isnan()], edges[1:-1], right=True)
    return torch.bincount(bins, minlength=n_bins), edges
