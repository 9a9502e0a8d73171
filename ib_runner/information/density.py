"""ln of an isotropic Gaussian mixture with equal weights, p̂ = p̂_S ∗ φ_beta of eq. (1).

The one routine everything about information is built on. The device of the tensors decides how it
is computed; the values agree to within the tolerance.
"""

import math

import numpy as np
import torch
from torch import Tensor

from ib_runner.information.density_blocked import blocked_log_kernel_sums
from ib_runner.information.density_groups import group_points, leaf_blocks
from ib_runner.information.density_sums import kernel_sums
from ib_runner.information.density_tree import build_tree

#: centres in a leaf of the tree, at most about: a leaf's fixed cost is that of some 200 kernels,
#: and what larger ones lose by pruning less is small up to here
LEAF_SIZE = 1200
#: above this a tree prunes nothing and a matrix product is faster
TREE_DIMENSIONS = 48
#: below this tolerance float32 is not enough
FLOAT32_TOLERANCE = 2e-4
#: outside these, coordinates in units of beta may overflow in float32
FLOAT32_BETA = (1e-20, 1e20)


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
    points, centres = points.detach(), centres.detach()
    n, d = centres.shape
    on_cpu = points.device.type == "cpu"
    if on_cpu and d <= TREE_DIMENSIONS and tolerance >= FLOAT32_TOLERANCE:
        log_sums = _tree_log_kernel_sums(points, centres, beta, tolerance)
    else:
        log_sums = blocked_log_kernel_sums(points, centres, beta)
    return log_sums - math.log(n) - d * math.log(beta * math.sqrt(2.0 * math.pi))


def _tree_log_kernel_sums(points: Tensor, centres: Tensor, beta: float, tolerance: float) -> Tensor:
    """ln of sum_j exp(−|t − c_j|²/2beta²) for every point t; [m] float64."""
    scale = 1.0 / (beta * math.sqrt(2.0 * math.log(2.0)))
    dtype = torch.promote_types(points.dtype, centres.dtype)
    if not FLOAT32_BETA[0] < beta < FLOAT32_BETA[1]:
        dtype = torch.float64
    rows, bounds = group_points(points.to(dtype).numpy(), scale)
    # a copy: the tree reorders its rows
    tree = build_tree(np.array(centres.to(dtype).numpy(), order="C"), centres.shape[1], LEAF_SIZE)
    log2_sums = kernel_sums(
        rows, bounds, leaf_blocks(tree), tree, centres.shape[1], scale, tolerance
    )
    out = np.empty(len(points))
    out[rows[:, -1].astype(np.int64)] = log2_sums * math.log(2.0)
    return torch.from_numpy(out)


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
