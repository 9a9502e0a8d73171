"""Rows of a histogram."""

import numpy as np


def histogram_rows(counts: np.ndarray, edges: np.ndarray) -> list[dict[str, float | int]]:
    """left, right, count and density (integrating to 1) of each bin; ``edges`` has one more."""
    total = counts.sum()
    density = counts / (total * np.diff(edges)) if total else np.zeros(len(counts))
    return [
        {"left": left, "right": right, "count": int(count), "density": height}
        for left, right, count, height in zip(edges, edges[1:], counts, density, strict=False)
    ]
