"""ln p(t|x) from below and from above: means of importance weights over the noise path.

    w(ζ) = N(ζ; 0, I) · φ_β(t − S(x,ζ)) / r̄(ζ),     r̄ = (1 − α) r + α N(·; 0, I)

K − K·α of the K paths are drawn from r, the rest as the channels draw them. *From below*: E of the
mean of w is at most p(t|x), and ln is concave. *From above*: the path that made t takes the place
of one of the K, of an aimed one with the probability (1 − α) r/r̄ that it would be one. Then
E[p(t|x) / mean of w] = 1. Proofs: docs/concepts/certified-interval.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ib_runner.information.paths.aim import aimed
from ib_runner.information.paths.pre_activations import Gaussians, PreActivations
from ib_runner.threads import in_threads

#: the most values in an array of one block of pairs
_BLOCK_VALUES = 2**21
#: one path in so many is drawn as by the channels, from N(0, I)
_PRIOR = 16


@dataclass(frozen=True)
class PathMeans:
    """ln of the mean weight, [pairs]; its mean is ``below``, or ``above``, that of ln p(t|x).

    ``variance`` [pairs]: of the mean weight, relative to its square, as its weights show.
    """

    below: np.ndarray
    above: np.ndarray | None
    variance: np.ndarray


@dataclass(frozen=True)
class Points:
    """Points ``t`` [n, d] of ``inputs`` [n] and the paths that made them, ``made_by`` [n, D]."""

    inputs: np.ndarray
    t: Tensor
    made_by: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: np.ndarray | slice) -> "Points":
        index = rows if isinstance(rows, slice) else torch.from_numpy(rows)
        return Points(self.inputs[rows], self.t[index], self.made_by[index])

    @staticmethod
    def joined(parts: Sequence["Points"]) -> "Points":
        """All points of ``parts``, in their order."""
        return Points(
            np.concatenate([part.inputs for part in parts]),
            torch.cat([part.t for part in parts]),
            torch.cat([part.made_by for part in parts]),
        )


def points(units: PreActivations, inputs: np.ndarray, rng: np.random.Generator) -> Points:
    """A fresh point of each of ``inputs`` [n]."""
    zeta = torch.from_numpy(rng.standard_normal((len(inputs), units.n_noise)))
    noise = torch.from_numpy(rng.standard_normal((len(inputs), units.layer.dim)))
    s = units.activation(units.of(torch.from_numpy(inputs), zeta))
    return Points(inputs, s + units.layer.beta * noise, zeta)


def path_means(
    units: PreActivations,
    inputs: Tensor,
    t: Tensor,
    n_paths: int,
    rng: np.random.Generator,
    made_by: Tensor | None = None,
    gaussians: Gaussians | None = None,
) -> PathMeans:
    """The means for pairs of ``inputs`` [pairs] and ``t`` [pairs, d], of ``n_paths`` each.

    ``made_by`` [pairs, D]: the paths that made t, for the bound from above. Without them all paths
    are drawn from r (α = 0): where r vanishes, the bound from below stays valid. ``gaussians``: u
    of all inputs, to aim by where it is known.
    """
    width = units.n_noise * (units.layer.dim + n_paths) + 8 * units.layer.dim**2
    step = max(1, _BLOCK_VALUES // width)
    parts = [slice(first, first + step) for first in range(0, len(inputs), step)]
    # a generator of its own for each block: threads may take them in any order
    generators = rng.spawn(len(parts))

    def block(number: int) -> PathMeans:
        part = parts[number]
        own = None if made_by is None else made_by[part]
        return _block(units, inputs[part], t[part], n_paths, generators[number], own, gaussians)

    found = in_threads(block, len(parts), units.in_threads)
    below, above = [one.below for one in found], [one.above for one in found]
    return PathMeans(
        np.concatenate(below) if below else np.empty(0),
        None if made_by is None else np.concatenate(above),
        np.concatenate([one.variance for one in found]) if found else np.empty(0),
    )


def _block(
    units: PreActivations,
    inputs: Tensor,
    t: Tensor,
    n_paths: int,
    rng: np.random.Generator,
    made_by: Tensor | None,
    gaussians: Gaussians | None,
) -> PathMeans:
    # paths from the prior, N(0, I), are needed for the bound from above only
    n, n_prior = len(inputs), 0 if made_by is None else -(-n_paths // _PRIOR)
    alpha = n_prior / n_paths
    aim = aimed(units, inputs, t, gaussians)
    normals = torch.from_numpy(rng.standard_normal((n, n_paths, units.n_noise)))
    uniforms = rng.random((n, n_paths, aim.triangle.shape[2]))
    zeta, log_ratio = aim.draw(normals, uniforms, n_prior)
    weights = _log_weights(units, inputs, t, zeta, log_ratio, alpha)
    below, variance = _log_mean(weights)
    if made_by is None:
        return PathMeans(below, None, variance)
    own_ratio = aim.log_ratio(made_by[:, None])
    own = _log_weights(units, inputs, t, made_by[:, None], own_ratio, alpha)[:, 0]
    # the share (1 − α) r/r̄ of aimed paths at the path that made t
    aimed_share = 1.0 / (1.0 + alpha / (1.0 - alpha) * np.exp(-own_ratio[:, 0].numpy().clip(-700)))
    place = np.where(
        rng.random(n) < aimed_share,
        rng.integers(0, n_paths - n_prior, n),
        rng.integers(n_paths - n_prior, n_paths, n),
    )
    weights[np.arange(n), place] = own
    return PathMeans(below, _log_mean(weights)[0], variance)


def _log_weights(
    units: PreActivations,
    inputs: Tensor,
    t: Tensor,
    zeta: Tensor,
    log_ratio: Tensor,
    alpha: float,
) -> np.ndarray:
    """ln w [pairs, K]; ``log_ratio`` = ln r(ζ)/N(ζ; 0, I)."""
    n, n_paths, _ = zeta.shape
    u = units.of(inputs.repeat_interleave(n_paths), zeta.reshape(n * n_paths, -1))
    s = units.activation(u).reshape(n, n_paths, -1)
    beta, dim = units.layer.beta, units.layer.dim
    log_phi = -0.5 * ((t[:, None] - s) / beta).square().sum(2)
    log_phi -= dim * (math.log(beta) + 0.5 * math.log(2.0 * math.pi))
    mixed = log_ratio.numpy()
    if alpha > 0:
        mixed = np.logaddexp(mixed + math.log1p(-alpha), math.log(alpha))
    return log_phi.numpy() - mixed


def _log_mean(log_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln of the mean of each row's weights, and that mean's variance relative to its square."""
    n, top = log_weights.shape[1], log_weights.max(1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    weights = np.exp(log_weights - top)
    mean = weights.mean(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.square(weights).mean(1) / np.square(mean) - 1.0
    return np.log(mean) + top[:, 0], np.nan_to_num(ratio / max(n - 1, 1), posinf=0.0)
