"""The extent of S of one input, estimated from a few draws before all others."""

from collections.abc import Sequence

import numpy as np

from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream

#: numbers of inputs, of neighbours among them, which are drawn together, and of draws for each
_INPUTS, _NEIGHBOURS, _DRAWS = 256, 16, 8


def extents(sampler: Sampler, layers: Sequence[Layer]) -> dict[int, float]:
    """The largest distance along an axis between two draws of one input, in β, by layer.

    0 for layers whose S is a function of x; NaN where S is no finite number.
    """
    found = {layer.number: 0.0 for layer in layers}
    n = len(sampler)
    most = max(n - _NEIGHBOURS, 0)
    begins = np.linspace(0, most, _INPUTS // _NEIGHBOURS).round().astype(int)
    parts = [(first, first + _NEIGHBOURS) for first in begins.tolist()]
    for first, last in parts if n > _INPUTS else [(0, n)]:
        draws = sampler.draw(first, last, _DRAWS, Stream.EXTENT, list(found))
        for layer in layers:
            s = draws[layer.number].astype(np.float64)
            apart = np.ptp(s, axis=2).max() / layer.beta
            # 0·Σs is NaN where a value is NaN or infinite, and np.maximum keeps NaN
            found[layer.number] = float(np.maximum(found[layer.number], apart + 0 * s.sum()))
    return found
