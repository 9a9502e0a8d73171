"""From counts to densities."""

import torch
from torch import Tensor


def density(counts: Tensor, edges: Tensor) -> Tensor:
    """The density, float64 [n_bins], that integrates to 1 over the bins with these ``counts``
    [n_bins] and ``edges`` [n_bins + 1]; zero everywhere if nothing was counted.
    """
    widths = edges.to(torch.float64).diff()
    return counts.to(torch.float64) / (max(int(counts.sum()), 1) * widths)
