"""The exact I(X;T) of linear networks, for comparison with estimators.

In a network of linear layers and Gaussian noise T_ℓ given x is N(μ_ℓ(x), Σ_ℓ), with
Σ_ℓ = W_ℓ Σ_{ℓ−1} W_ℓᵀ + β_ℓ²·I from Σ_0 = 0 on. In the coordinates that turn Σ_ℓ into I, T_ℓ is
m_x + z with z ~ N(0, I): p(t|x) and p(t) are exact, and only the mean over z is estimated,

    I = ln N − mean over x of E_z ln Σ_x' exp(z·(m_x' − m_x) − |m_x' − m_x|²/2).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn

from ib_runner.networks.behind import in_order
from ib_runner.networks.noise import GaussianNoise, NoNoise

_REPLICATES = 8
_KERNELS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Mean:
    """A value in nats and its standard error from independent replicates."""

    value: float
    stderr: float


def gaussian_layer(network: nn.Sequential, x: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """Means μ(x) [N, d] and covariance Σ [d, d] of T_layer given x, float64.

    ``x`` [N, n_inputs], or [N, …] where an ``nn.Flatten`` is the network's first module. Raises
    ``ValueError`` if the network has other modules than linear layers, identities and Gaussian
    noise up to ``layer``, or fewer noise channels than ``layer``.
    """
    mean, modules = x.detach().to(torch.float64), in_order(network)
    if modules and isinstance(modules[0], nn.Flatten):
        mean = modules.pop(0)(mean)
    covariance = torch.zeros(mean.shape[1], mean.shape[1], dtype=torch.float64)
    layers_passed = 0
    for module in modules:
        if isinstance(module, nn.Linear):
            weight = module.weight.detach().to(torch.float64)
            mean = mean @ weight.T
            if module.bias is not None:
                mean = mean + module.bias.detach()
            covariance = weight @ covariance @ weight.T
        elif isinstance(module, GaussianNoise | NoNoise):
            covariance = covariance + module.beta**2 * torch.eye(
                len(covariance), dtype=torch.float64
            )
            layers_passed += 1
            if layers_passed == layer:
                return mean, covariance
        elif not isinstance(module, nn.Identity):
            raise ValueError(f"{type(module).__name__} is no part of a linear noisy network")
    raise ValueError(f"layer = {layer}: the network has {layers_passed} noise channels")


def whitened(mean: Tensor, covariance: Tensor) -> Tensor:
    """The points m(x) [N, d] for which T = m(x) + N(0, I) has the I(X;T) of N(μ(x), Σ).

    Raises ``ValueError`` unless Σ is positive definite: without noise T has no density.
    """
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        raise ValueError("the covariance is singular: the layer has no noise")
    return torch.linalg.solve_triangular(factor, mean.T, upper=False).T.contiguous()


def points_in_unit_noise(points: Tensor, n_draws: int, seed: int) -> Mean:
    """I(X;T) of T = m_x + N(0, I) for X uniform over ``points`` [N, d] (float64), exact densities.

    ``n_draws`` noises for each point and each of 8 replicates, which are randomised quasi-random
    sequences: scrambled Sobol points, unbiased, with the standard error from the replicates. The
    points' order is the sequence's first coordinate; sorting them lets neighbours share it.
    """
    from scipy.stats import qmc  # imported here, as it takes a second and estimates do without

    n, d = points.shape
    first_axis = torch.linalg.svd(points - points.mean(0), full_matrices=False)[2][0]
    points = points[(points @ first_axis).argsort()]
    values = []
    for scramble in np.random.SeedSequence(seed).spawn(_REPLICATES):
        uniform = qmc.Sobol(d, rng=np.random.default_rng(scramble)).random_base2(
            math.ceil(math.log2(n * n_draws))
        )[: n * n_draws]
        # the sequence is a multiple of 2⁻³⁰ and may hold a zero
        z = torch.from_numpy(ndtri(uniform + 2.0**-31)).reshape(n, n_draws, d)
        values.append(math.log(n) - float(_log_sums(points, z).mean()))
    return Mean(float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(_REPLICATES))


def _log_sums(points: Tensor, z: Tensor) -> Tensor:
    """ln Σ_x' exp(z·(m_x' − m_x) − |m_x' − m_x|²/2) for every x and z [N, n_draws, d]."""
    n, n_draws, _ = z.shape
    log_sums = torch.empty(n, n_draws, dtype=torch.float64)
    at_once = max(1, _KERNELS_AT_ONCE // (n * n_draws))
    for begin in range(0, n, at_once):
        own = points[begin : begin + at_once]
        difference = points - own[:, None]
        exponents = z[begin : begin + at_once] @ difference.mT
        exponents -= 0.5 * difference.square().sum(-1)[:, None]
        log_sums[begin : begin + at_once] = exponents.logsumexp(-1)
    return log_sums
