"""The dense mixture density in blocks of PyTorch operations: any device, any dimension.

Runs on a GPU, and on the CPU in very many dimensions, where a tree cannot prune. Everything is in
float64, which makes the matrix product behind |t − c|² safe: coordinates are centred first, so the
cancellation costs at most 1e-16 · (spread/beta)² in the exponent. Where that error could matter,
the differences are formed one dimension at a time instead.
"""

import math
from functools import partial

import torch
from torch import Tensor

#: elements of the largest temporary, [points of a block, centres of a block] in float64
BLOCK_ELEMENTS = {"cpu": 1 << 21, "cuda": 1 << 27}
#: points in one block; a block has as many centres as ``BLOCK_ELEMENTS`` then allows
BLOCK_POINTS = 1024
#: (spread/beta)² up to which the matrix product keeps the exponent to 1e-5
SAFE_SQUARED_SPREAD = 1e10


def blocked_log_kernel_sums(
    points: Tensor, centres: Tensor, beta: float, tolerance: float = 1e-5
) -> Tensor:
    """ln of sum_j exp(−|t − c_j|²/2beta²) for every point t.

    points: [m, d], centres: [n, d], one floating dtype and device; returns [m] float64, within
    ``tolerance`` where that is above float64's own rounding.
    Memory is bounded by ``BLOCK_ELEMENTS``, whatever m and n.
    """
    scale = 1.0 / (beta * math.sqrt(2.0))
    points, centres = points.double(), centres.double()
    origin = centres[0]
    spread = scale * max(float((of - origin).abs().max()) for of in (points, centres))
    safe = min(1.0, tolerance / 1e-5) * SAFE_SQUARED_SPREAD
    if spread * spread * centres.shape[1] > safe:
        squared_distances = partial(_differences, scale=scale)
    else:
        squared_distances = _matrix_product
        points, centres = (points - origin) * scale, (centres - origin) * scale
    n_block = max(1, BLOCK_ELEMENTS.get(points.device.type, 1 << 21) // BLOCK_POINTS)
    out = torch.empty(len(points), dtype=torch.float64, device=points.device)
    for i in range(0, len(points), BLOCK_POINTS):
        t = points[i : i + BLOCK_POINTS]
        total = torch.full((len(t),), -math.inf, dtype=torch.float64, device=t.device)
        for j in range(0, len(centres), n_block):
            exponents = squared_distances(t, centres[j : j + n_block]).neg_()
            total = torch.logaddexp(total, torch.logsumexp(exponents, 1))
        out[i : i + BLOCK_POINTS] = total
    return out


def _matrix_product(t: Tensor, c: Tensor) -> Tensor:
    """|t − c|² [m, n] as |t|² + |c|² − 2 t·c, held at 0 from below."""
    square = torch.addmm(c.square().sum(1), t, c.T, alpha=-2.0)
    return square.add_(t.square().sum(1, keepdim=True)).clamp_(min=0.0)


def _differences(t: Tensor, c: Tensor, scale: float) -> Tensor:
    """|t − c|²·scale² [m, n] from the differences: scaled coordinates themselves may overflow."""
    square = torch.zeros(len(t), len(c), dtype=t.dtype, device=t.device)
    for k in range(t.shape[1]):
        difference = (t[:, k, None] - c[:, k]).mul_(scale)
        square.addcmul_(difference, difference)
    return square
