"""Rows of a histogram."""

from torch import Tensor

from ib_runner.geometry.histogram import density


def histogram_rows(counts: Tensor, edges: Tensor) -> list[dict[str, float | int]]:
    """left, right, count and density (integrating to 1) of each bin; ``edges`` has one more."""
    columns = (edges[:-1], edges[1:], counts, density(counts, edges))
    return [
        {"left": left, "right": right, "count": count, "density": height}
        for left, right, count, height in zip(*(column.tolist() for column in columns), strict=True)
    ]
