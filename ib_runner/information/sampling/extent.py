"""The extent of S of one input, estimated from a few draws before all others."""

from collections.abc import Sequence

import numpy as np

from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream

#: numbers of inputs, of neighbours among them, which are drawn together, and of draws for each
_INPUTS, _NEIGHBOURS, _DRAWS = 256, 16, 8
#: units of the groups that plain networks draw together, so that draws stay below some 16 MB
_UNITS = 1024


def extents(sampler: Sampler, layers: Sequence[Layer]) -> dict[int, float]:
    """The largest distance along an axis between two draws of one input, in β, by layer.

    0 for layers whose S is a function of x; NaN where S is no finite number.
    """
    n, found = len(sampler), {layer.number: 0.0 for layer in layers}
    begins = np.linspace(0, max(n - _NEIGHBOURS, 0), _INPUTS // _NEIGHBOURS).round().astype(int)
    groups = begins[:, None] + np.arange(_NEIGHBOURS) if n > _INPUTS else np.arange(n)[None]
    units = sum(layer.dim for layer in sampler.layers)
    together = max(1, _UNITS // units) if sampler.plain is not None else 1
    for k in range(0, len(groups), together):
        some = groups[k : k + together].ravel()
        draws = sampler.draw_of(some, _DRAWS, Stream.EXTENT, list(found))
        for layer in layers:
            s = draws[layer.number].astype(np.float64)
            apart = np.ptp(s, axis=2).max() / layer.beta
            # 0·Σs is NaN where a value is NaN or infinite, and np.maximum keeps NaN
            found[layer.number] = float(np.maximum(found[layer.number], apart + 0 * s.sum()))
    return found
