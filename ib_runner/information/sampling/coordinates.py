"""Coordinates of S in which rounding is small compared with the noise."""

import numpy as np
import torch

from ib_runner.errors import UnresolvedError
from ib_runner.information.sampling.sampler import Layer

#: the most that rounding may move a coordinate of S, as a multiple of β
_MOST_ROUNDING = 1e-3


def about_origin(s: np.ndarray, layer: Layer) -> np.ndarray:
    """``s`` [n, draws, d] minus its first row, in the lowest precision that resolves the noise.

    Raises ``UnresolvedError`` where even float64 does not resolve the noise.
    """
    origin = s[0, 0]
    # by torch, as numpy takes twenty times as long
    ends = torch.from_numpy(s.reshape(-1, s.shape[2])).aminmax(dim=0)
    far = max(float(np.abs(end.double().numpy() - origin).max()) for end in ends)
    for kind in (s.dtype.type, np.float64):
        if far * np.finfo(kind).eps <= _MOST_ROUNDING * layer.beta:
            return s.astype(kind) - origin.astype(kind)
    raise UnresolvedError(
        f"layer {layer.number}: values lie {far:.2g} apart and the noise is {layer.beta:.2g}, "
        "which float64 does not resolve: methods coupled and paper do without such coordinates"
    )
