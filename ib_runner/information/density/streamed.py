"""The dense mixture density on a GPU by a Triton kernel, each value within the tolerance."""

import math

import torch
from torch import Tensor

from ib_runner.compiled import has_triton
from ib_runner.information.density.blocked import blocked_log_kernel_sums

#: the most dimensions for the kernel, whose code gets too long; a matrix product is then as fast
MOST_DIMENSIONS = 64
#: points of a program, and centres that it takes at a time
_POINTS, _CENTRES = 64, 128
#: half a unit in the last place of float32
_ROUNDING = 2.0**-24


def can_stream(points: Tensor, centres: Tensor) -> bool:
    """Whether the kernel supports ``points`` and ``centres``: device, type and dimensions."""
    return (
        has_triton(points.device.type)
        and centres.shape[1] <= MOST_DIMENSIONS
        and len(points) * centres.shape[1] < 2**31
        and len(centres) * centres.shape[1] < 2**31
    )


def streamed_log_kernel_sums(
    points: Tensor, centres: Tensor, beta: float, tolerance: float
) -> Tensor:
    """ln of sum_j exp(−|t − c_j|²/2beta²) for every point t; [m] float64, within ``tolerance``.

    Points for which float32 does not guarantee the tolerance are computed in float64.
    """
    from ib_runner.information.density.gpu_kernel import log2_kernel_sums

    scale = 1.0 / (beta * math.sqrt(2.0 * math.log(2.0)))
    origin = centres[0].double()
    t, c = (((of.double() - origin) * scale).float().T.contiguous() for of in (points, centres))
    d, m = t.shape
    out = torch.empty(m, dtype=torch.float64, device=points.device)
    nearest = torch.empty(m, device=points.device)
    log2_kernel_sums[(-(-m // _POINTS),)](
        t, c, out, nearest, m, c.shape[1], D=d, M=_POINTS, N=_CENTRES
    )
    out *= math.log(2.0)
    spread = max(float(of.abs().max()) for of in (t, c))
    unsure = ~(error_bound(nearest.double(), d, spread, c.shape[1]) <= tolerance)
    if bool(unsure.any()):
        out[unsure] = blocked_log_kernel_sums(points[unsure], centres, beta, tolerance)
    return out


def error_bound(nearest: Tensor, d: int, spread: float, n: int) -> Tensor:
    """A bound, in nats, for the error of the kernel's sums whose least exponent is ``nearest``.

    Coordinates, at most ``spread``, are rounded to float32, so that a distance r is off by at most
    δ = 2^−24·(2·spread + r)·√d, and r² by 2rδ + δ² and by the d + 1 roundings of its sum. Terms
    that are more than 40 + log2 n exponents above the least make less than 2^−40 of the sum; up to
    there r² is taken at its largest.
    """
    square = nearest + 40.0 + math.log2(n)
    r = square.sqrt()
    delta = _ROUNDING * (2.0 * spread + r) * math.sqrt(d)
    off = 2.0 * r * delta + delta * delta + (d + 1) * _ROUNDING * square
    # the exponential, its sum over a block, the logarithm, the last difference
    return math.log(2.0) * off + 2.0**-21 + math.log(2.0) * 2.0 * _ROUNDING * (nearest + 64.0)
