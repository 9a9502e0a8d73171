"""ln of an isotropic Gaussian mixture with equal weights, p̂ = p̂_S ∗ φ_beta of eq. (1).

The one routine everything about information is built on. The device of the tensors decides how it
is computed; the values agree to within the tolerance.
"""

import math

import torch
from torch import Tensor

from ib_runner.information.density_blocked import blocked_log_kernel_sums


def log_mixture_density(
    points: Tensor, centres: Tensor, beta: float, *, tolerance: float = 1e-3
) -> Tensor:
    """ln of (1/n) sum_j N(t; c_j, beta² I), in nats, for every point t.

    points: [m, d] and centres: [n, d], float32 or float64 on one device, in any layout; beta: the
    standard deviation. Returns [m] in float64. Every value is within ``tolerance`` (nats) of the
    exact one for the coordinates given, however far the point lies from the centres; the number of
    threads does not change it. Memory grows with m + n, not with m·n.

    Raises ``ValueError`` for wrong shapes or dtypes, no points, no centres, coordinates that are
    not finite, and unless beta and tolerance are finite and positive.
    """
    _check(points, centres, beta, tolerance)
    log_sums = blocked_log_kernel_sums(points.detach(), centres.detach(), beta)
    n, d = centres.shape
    return log_sums - math.log(n) - d * math.log(beta * math.sqrt(2.0 * math.pi))


def _check(points: Tensor, centres: Tensor, beta: float, tolerance: float) -> None:
    for name, tensor in (("points", points), ("centres", centres)):
        if tensor.ndim != 2 or 0 in tensor.shape:
            shape = list(tensor.shape)
            raise ValueError(f"{name}: shape {shape}, not [count, dimensions] with both above 0")
        if tensor.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"{name}: dtype {tensor.dtype}, not float32 or float64")
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name}: some coordinates are not finite")
    if points.shape[1] != centres.shape[1]:
        raise ValueError(
            f"points have {points.shape[1]} dimensions and centres have {centres.shape[1]}"
        )
    if points.device != centres.device:
        raise ValueError(f"points are on {points.device} and centres on {centres.device}")
    for name, value in (("beta", beta), ("tolerance", tolerance)):
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} = {value}: a finite number above 0 is needed")
