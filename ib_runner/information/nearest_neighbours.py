"""Entropy from nearest neighbours of noisy samples, which makes no use of the known noise.

The estimator of Kozachenko & Leonenko (1987) with k neighbours,

    ĥ = ψ(n) − ψ(k) + ln V_d + (d/n)·Σ_i ln ε_i,

where ε_i is the distance of sample i to its k-th neighbour and V_d the volume of the unit ball.
It is one of the generic estimators of Remark 3: no risk bound of the paper covers it, and its
bias grows with d.
"""

import math

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma
from torch import Tensor


def neighbour_entropy(samples: Tensor, k: int = 3) -> float:
    """The differential entropy, in nats, estimated from ``samples`` [n, d] of a density.

    Raises ``ValueError`` for other shapes, k outside 1…n − 1, values that are not finite, or more
    than k samples in one place, which no density gives.
    """
    if samples.ndim != 2 or not 1 <= k < len(samples) or not samples.isfinite().all():
        raise ValueError(f"samples of shape {tuple(samples.shape)}, k = {k}: [n > k ≥ 1, d] needed")
    points = samples.detach().cpu().numpy().astype(np.float64)
    n, d = points.shape
    # the sample itself is its own first neighbour
    distance = cKDTree(points).query(points, k=[k + 1])[0][:, 0]
    if not distance.all():
        raise ValueError(f"more than k = {k} samples coincide: add the noise, in float64 if small")
    log_ball = 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1)
    return float(digamma(n) - digamma(k) + log_ball + d * np.log(distance).mean())


def neighbour_information(
    samples: Tensor, k: int = 3, conditional_entropy: float | None = None
) -> float:
    """I(X;T) = h(T) − mean_x h(T|x), in nats, from noisy samples [N, m, d] of every input.

    ``conditional_entropy`` is h(T|X) where it is known, (d/2)·ln(2πeβ²) for layer 1; m = 1 will do
    then. Raises ``ValueError`` as :func:`neighbour_entropy`.
    """
    if conditional_entropy is None:
        of_inputs = [neighbour_entropy(of_input, k) for of_input in samples]
        conditional_entropy = math.fsum(of_inputs) / len(of_inputs)
    return neighbour_entropy(samples.flatten(0, 1), k) - conditional_entropy
