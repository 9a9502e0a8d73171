"""The extent of S of one input, estimated from a few draws before all others."""

from collections.abc import Sequence

import numpy as np

from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream

#: numbers of inputs, and of draws for each
_INPUTS, _DRAWS = 256, 8


def extents(sampler: Sampler, layers: Sequence[Layer]) -> dict[int, float]:
    """The largest distance along an axis between two draws of one input, in β, by layer.

    0 for layers whose S is a function of x; NaN where S is no finite number.
    """
    found = {layer.number: 0.0 for layer in layers}
    some = np.unique(np.linspace(0, len(sampler) - 1, _INPUTS).round().astype(int))
    parts = (some,) if len(some) == len(sampler) else some[:, None]
    for part in parts:
        draws = sampler.draw(part[0], part[-1] + 1, _DRAWS, Stream.EXTENT, list(found))
        for layer in layers:
            s = draws[layer.number].astype(np.float64)
            apart = np.ptp(s, axis=2).max() / layer.beta
            # 0·Σs is NaN where a value is NaN or infinite, and np.maximum keeps NaN
            found[layer.number] = float(np.maximum(found[layer.number], apart + 0 * s.sum()))
    return found
