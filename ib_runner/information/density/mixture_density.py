"""ln of an isotropic Gaussian mixture with equal weights, p̂ = p̂_S ∗ φ_beta of eq. (1).

On a CPU a tree of centres prunes the sums; on a GPU one kernel makes all of them; elsewhere, and in
many dimensions, blocks of PyTorch operations do. The values agree to within the tolerance.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ib_runner.information.density.blocked import blocked_log_kernel_sums
from ib_runner.information.density.groups import group_points, leaf_blocks
from ib_runner.information.density.streamed import can_stream, streamed_log_kernel_sums
from ib_runner.information.density.sums import kernel_sums
from ib_runner.information.density.tree import build_tree

#: about the most centres in a leaf of the tree: a leaf's fixed cost is that of some 200 kernels,
#: and up to this size the loss by pruning less is small
LEAF_SIZE = 1200
#: above this a tree prunes nothing and a matrix product is faster
TREE_DIMENSIONS = 48
#: below this tolerance float32 is not enough
FLOAT32_TOLERANCE = 2e-4
#: outside these, coordinates in units of beta may overflow in float32
FLOAT32_BETA = (1e-20, 1e20)
#: outside these, squares and inverses in units of beta leave float64
LEAST_BETA, LARGEST_BETA = 1e-150, 1e150


def log_mixture_density(
    points: Tensor, centres: Tensor, beta: float | Tensor, *, tolerance: float = 1e-3
) -> Tensor:
    """ln of (1/n) sum_j N(t; c_j, beta² I), in nats, for every point t.

    points: [m, d] and centres: [n, d], float32 or float64 on one device, in any layout; beta: the
    standard deviation, a number or a tensor of no dimensions. Returns [m] in float64, without a
    gradient. Every value is within ``tolerance`` (nats), and float64's rounding, of the exact one
    for the coordinates given, however far the point lies from the centres; the number of threads
    does not change it. Memory grows with m + n, not with m·n.

    Raises ``ValueError`` for wrong shapes or dtypes, no centres, coordinates that are not finite,
    unless 1e-150 ≤ beta ≤ 1e150, and unless tolerance is finite and positive; ``TypeError`` where
    points or centres are no tensors, or beta or tolerance no numbers.
    """
    beta, tolerance = _number("beta", beta), _number("tolerance", tolerance)
    _check(points, centres)
    if not LEAST_BETA <= beta <= LARGEST_BETA:
        raise ValueError(
            f"beta = {beta}: {LEAST_BETA} to {LARGEST_BETA} is needed; points and centres may be "
            "scaled together with it"
        )
    points, centres = points.detach(), centres.detach()
    if len(points) == 0:
        return torch.empty(0, dtype=torch.float64, device=points.device)
    n, d = centres.shape
    on_cpu = points.device.type == "cpu"
    if on_cpu and d <= TREE_DIMENSIONS and tolerance >= FLOAT32_TOLERANCE:
        log_sums = _tree_log_kernel_sums(points, centres, beta, tolerance)
    elif tolerance >= FLOAT32_TOLERANCE and can_stream(points, centres):
        log_sums = streamed_log_kernel_sums(points, centres, beta, tolerance)
    else:
        log_sums = blocked_log_kernel_sums(points, centres, beta, tolerance)
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


def _check(points: Tensor, centres: Tensor) -> None:
    for name, tensor, least in (("points", points, 0), ("centres", centres, 1)):
        if not isinstance(tensor, Tensor):
            kind = f"{type(tensor).__module__}.{type(tensor).__name__}"
            raise TypeError(f"{name}: {kind}, not a torch.Tensor; torch.as_tensor({name}) is one")
        if tensor.ndim != 2 or len(tensor) < least or tensor.shape[1] == 0:
            raise ValueError(
                f"{name}: shape {list(tensor.shape)}, not [count, dimensions] with count ≥ {least} "
                "and dimensions ≥ 1"
            )
        if tensor.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"{name}: dtype {tensor.dtype}, not torch.float32 or torch.float64")
        if not _all_finite(tensor.detach()):
            raise ValueError(f"{name}: some coordinates are not finite")
    if points.shape[1] != centres.shape[1]:
        raise ValueError(
            f"points have {points.shape[1]} dimensions and centres have {centres.shape[1]}"
        )
    if points.device != centres.device:
        raise ValueError(f"points are on {points.device} and centres on {centres.device}")


def _all_finite(tensor: Tensor) -> bool:
    """Whether no coordinate is NaN or infinite."""
    if tensor.device.type != "cpu" or tensor.numel() == 0:
        return bool(torch.isfinite(tensor).all())
    # numpy's, as the threads that torch wakes up take longer to wait than to look
    values = tensor.numpy()
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def _number(name: str, value: Any) -> float:
    """``value``, a finite number above 0 of any library, as a float."""
    plain = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if plain.ndim != 0 or plain.dtype.kind not in "iuf":
        raise TypeError(f"{name} = {value}: one real number is needed")
    if not 0.0 < plain < math.inf:
        raise ValueError(f"{name} = {plain}: a finite number above 0 is needed")
    return float(plain)
