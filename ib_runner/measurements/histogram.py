"""Histograms as rows of a table."""

from torch import Tensor, float64


def histogram_rows(counts: Tensor, edges: Tensor) -> list[dict[str, float | int]]:
    """Left and right edge, count and density (integral 1) of each bin.

    ``counts`` [n_bins], ``edges`` [n_bins + 1].
    """
    columns = (edges[:-1], edges[1:], counts, density(counts, edges))
    return [
        {"left": left, "right": right, "count": count, "density": height}
        for left, right, count, height in zip(*(column.tolist() for column in columns), strict=True)
    ]


def density(counts: Tensor, edges: Tensor) -> Tensor:
    """The density, float64 [n_bins], that integrates to 1 over the bins with these ``counts``
    [n_bins] and ``edges`` [n_bins + 1]; zero everywhere if nothing was counted.
    """
    widths = edges.to(float64).diff()
    return counts.to(float64) / (max(int(counts.sum()), 1) * widths)
