"""The density r(ζ|t,x) from which the noise ζ behind a point t of input x is drawn.

Near some ζ* the pre-activations are linear, u ≈ u* + A (ζ − ζ*), so that they are Gaussian for
ζ ~ N(0, I); observing t multiplies their density by φ_β(t_i − f(u_i)) for each unit. Expectation
propagation (Minka, 2001) approximates these factors by Gaussian sites, first with ζ* = 0, or with
moments of u from draws, then with ζ* at the mean so found; for linear f the first result is exact.
In the d directions on which t has information, ζ is drawn from that Gaussian, corrected unit by
unit for the error of the sites (``activation_sites``); in all other directions ζ is drawn as by the
channels. So r differs from N(0, I) in d coordinates, whatever D.

With Aᵀ = QR and L = Rᵀ (``lower``) they are e = Qᵀζ and u = m + L e. Given the sites, e has the
mean ē and the precision G Gᵀ = I + Lᵀ τ L; e = ē + G⁻ᵀ Ω ẽ with ẽ standard normal, and Ω makes
L G⁻ᵀ Ω lower triangular again, so that ẽ can be drawn unit by unit.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.linalg import cholesky_ex, qr, solve_triangular

from ib_runner.information.paths.activation_sites import (
    IDENTITY,
    SITE_POINTS,
    site_densities,
    site_points,
    tilted_moments,
)
from ib_runner.information.paths.pre_activations import Activation, Gaussians, PreActivations

#: rounds of expectation propagation, and the step size (damping) of each
_SWEEPS, _STEP = 3, 0.9
#: largest scalar product of two columns, and error of a length, before the second factorisation
_NEARLY = 1e-3
_LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Aim:
    """r(ζ|t,x) of several pairs (x, t), by the names of the module's text."""

    activation: Activation
    beta: float
    t: np.ndarray
    points: np.ndarray
    basis: Tensor
    mean: Tensor
    root: Tensor
    turn: Tensor
    middle: np.ndarray
    triangle: np.ndarray
    precisions: np.ndarray
    shifts: np.ndarray

    def draw(self, normals: Tensor, uniforms: np.ndarray, n_prior: int) -> tuple[Tensor, Tensor]:
        """ζ [pairs, K, D] and ln r(ζ)/N(ζ; 0, I) [pairs, K] from standard normal ``normals``.

        The last ``n_prior`` of the K draws are ``normals`` themselves. ``uniforms`` [pairs, K, k].
        """
        coordinates = normals @ self.basis
        fresh = np.ones(normals.shape[:2], bool)
        fresh[:, normals.shape[1] - n_prior :] = False
        tilde = torch.where(
            torch.from_numpy(fresh)[..., None], coordinates, self._tilde(coordinates)
        )
        drawn, log_ratio = self._densities(tilde, coordinates, fresh, uniforms)
        return normals + (drawn - coordinates) @ self.basis.mT, log_ratio

    def log_ratio(self, zeta: Tensor) -> Tensor:
        """ln r(ζ)/N(ζ; 0, I) [pairs, K] of given ``zeta`` [pairs, K, D]."""
        coordinates = zeta @ self.basis
        given = np.zeros(zeta.shape[:2], bool)
        return self._densities(self._tilde(coordinates), coordinates, given, None)[1]

    def _tilde(self, coordinates: Tensor) -> Tensor:
        return (coordinates - self.mean[:, None]) @ self.root @ self.turn

    def _densities(
        self, tilde: Tensor, coordinates: Tensor, fresh: np.ndarray, uniforms: np.ndarray | None
    ) -> tuple[Tensor, Tensor]:
        """e [pairs, K, k], drawn where ``fresh``, and ln r/N."""
        values = np.ascontiguousarray(tilde.numpy())
        log_densities = np.empty(values.shape[:2])
        site_densities(
            len(values),
            self.activation.code,
            self.activation.slope,
            self.beta,
            self.t,
            self.points,
            self.middle,
            self.triangle,
            self.precisions,
            self.shifts,
            fresh,
            np.empty((1, 1, 1)) if uniforms is None else uniforms,
            values,
            log_densities,
        )
        moved = torch.from_numpy(values) @ self.turn.mT
        moved = solve_triangular(self.root.mT, moved.mT, upper=True).mT + self.mean[:, None]
        e = torch.where(torch.from_numpy(fresh)[..., None], moved, coordinates)
        log_det = self.root.diagonal(dim1=1, dim2=2).log().sum(1)
        normal = -0.5 * (e.square().sum(2) + e.shape[2] * _LOG_2PI)
        return e, torch.from_numpy(log_densities) + log_det[:, None] - normal


def aimed(
    units: PreActivations, inputs: Tensor, t: Tensor, gaussians: Gaussians | None = None
) -> Aim:
    """r for the pairs of ``inputs`` [pairs] and ``t`` [pairs, d]: a function of these alone.

    ``gaussians``: u of the inputs, which takes the place of a linearisation at ζ* = 0.
    """
    start = torch.zeros(len(inputs), units.n_noise, dtype=torch.float64)
    t = t.contiguous()
    activation, beta = units.activation, units.layer.beta
    points = _points(activation, beta, t)
    if units.affine:
        jacobian = units.linearised(inputs[:1], start[:1])[1]
        return _aimed(units, t, points, units.of(inputs, start), jacobian)
    # the mean of ζ given the sites is Aᵀ(ν − τ E u)
    if gaussians is not None:
        m, covariance = gaussians.of(inputs)
        found = _sites(activation, beta, t, points, m, covariance)
        about = units.pulled(inputs, _pull(*found, m, covariance))
    else:
        m, jacobian = _linearised(units, inputs, start)
        covariance = jacobian @ jacobian.mT
        found = _sites(activation, beta, t, points, m, covariance)
        about = torch.einsum("pdD,pd->pD", jacobian, _pull(*found, m, covariance))
    return _aimed(units, t, points, *_linearised(units, inputs, about), found)


def _points(activation: Activation, beta: float, t: Tensor) -> np.ndarray:
    """``site_points`` of ``t`` [pairs, d], not filled in where there is no activation function."""
    points = np.empty((*t.shape, SITE_POINTS))
    if activation.code != IDENTITY:
        site_points(len(t), activation.code, activation.slope, beta, t.numpy(), points)
    return points


def sites(
    activation: Activation, beta: float, t: Tensor, m: Tensor, covariance: Tensor
) -> tuple[Tensor, Tensor]:
    """τ and ν [pairs, d] of the sites exp(νu − τu²/2) at ``t`` [pairs, d], u ~ N(m, covariance)."""
    t = t.contiguous()
    return _sites(activation, beta, t, _points(activation, beta, t), m, covariance)


def _linearised(units: PreActivations, inputs: Tensor, about: Tensor) -> tuple[Tensor, Tensor]:
    """m [pairs, d] and A [pairs, d, D] of u ≈ m + A ζ near ζ = ``about`` [pairs, D]."""
    u, jacobian = units.linearised(inputs, about)
    return u - torch.einsum("pdD,pD->pd", jacobian, about), jacobian


def _aimed(
    units: PreActivations,
    t: Tensor,
    points: np.ndarray,
    m: Tensor,
    jacobian: Tensor,
    start: tuple[Tensor, Tensor] | None = None,
) -> Aim:
    basis, lower = _orthogonal(jacobian)
    lower = lower.expand(len(m), -1, -1)
    beta = units.layer.beta
    tau, nu = _sites(units.activation, beta, t, points, m, lower @ lower.mT, start)
    k = lower.shape[2]
    eye = torch.eye(k, dtype=torch.float64)
    root = cholesky_ex(eye + lower.mT @ (tau[:, :, None] * lower))[0]
    pull = lower.mT @ (nu - tau * m)[..., None]
    mean = torch.cholesky_solve(pull, root)[..., 0]
    # L G⁻ᵀ = (G⁻¹ Lᵀ)ᵀ
    turn, triangle = qr(solve_triangular(root, lower.mT, upper=False))
    return Aim(
        units.activation,
        beta,
        t.numpy(),
        points,
        basis,
        mean,
        root,
        turn,
        np.ascontiguousarray((m + (lower @ mean[..., None])[..., 0]).numpy()),
        np.ascontiguousarray(triangle.mT.numpy()),
        tau.numpy(),
        nu.numpy(),
    )


def _orthogonal(jacobian: Tensor) -> tuple[Tensor, Tensor]:
    """Q [pairs, D, k] with orthonormal columns and lower triangular L [pairs, d, k], A = L Qᵀ.

    By two Cholesky factorisations (Yamamoto et al., 2015), which take a fraction of the time of a
    QR decomposition, where the first leaves the columns nearly orthonormal; else by the latter.
    """
    dim, noise = jacobian.shape[1:]
    if dim > noise:
        basis, upper = qr(jacobian.mT)
        return basis, upper.mT
    lower = cholesky_ex(jacobian @ jacobian.mT)[0]
    rows = solve_triangular(lower, jacobian, upper=False)
    eye = torch.eye(dim, dtype=torch.float64)
    products = rows @ rows.mT
    nearly = (products - eye).abs().amax((1, 2)) < _NEARLY  # False where not finite
    again = cholesky_ex(torch.where(nearly[:, None, None], products, eye))[0]
    basis, lower = solve_triangular(again, rows, upper=False).mT, lower @ again
    others = torch.nonzero(~nearly)[:, 0]
    if len(others):
        basis[others], upper = qr(jacobian[others].mT)
        lower[others] = upper.mT
    return basis, lower


def _pull(tau: Tensor, nu: Tensor, m: Tensor, covariance: Tensor) -> Tensor:
    """ν − τ E u [pairs, d] for u ~ N(m, ``covariance``) beforehand, and given the sites τ, ν."""
    pull = (nu - tau * m)[..., None]
    root, factor = _factor(tau, covariance)
    return (pull - root * torch.cholesky_solve(root * (covariance @ pull), factor))[..., 0]


def _factor(tau: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """√τ [pairs, d, 1], and the Cholesky factor of I + √τ C √τ for the ``covariance`` C."""
    root = tau.sqrt()[:, :, None]
    eye = torch.eye(tau.shape[1], dtype=torch.float64)
    return root, cholesky_ex(eye + root * covariance * root.mT)[0]


def _sites(
    activation: Activation,
    beta: float,
    t: Tensor,
    points: np.ndarray,
    m: Tensor,
    covariance: Tensor,
    start: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """τ and ν [pairs, d] of the units' sites, for u ~ N(m, covariance) beforehand.

    ``start``: sites to begin with; then one round will do.
    """
    if activation.code == IDENTITY:
        return torch.full_like(t, beta**-2), t / beta**2
    tau, nu = (torch.zeros_like(t), torch.zeros_like(t)) if start is None else start
    for sweep in range(_SWEEPS) if start is None else (1,):
        root, factor = _factor(tau, covariance)
        part = solve_triangular(factor, root * covariance, upper=False)
        pull = (nu - tau * m)[..., None]
        mean = m + (covariance @ pull - part.mT @ (part @ pull))[..., 0]
        variance = covariance.diagonal(dim1=1, dim2=2) - part.square().sum(1)
        variance = variance.clamp_min(1e-14 * beta**2)
        cavity = 1.0 / (1.0 / variance - tau).clamp_min(1e-3 / variance)
        cavity_mean = cavity * (mean / variance - nu)
        new_mean, new_variance = np.empty(t.shape), np.empty(t.shape)
        tilted_moments(
            len(t),
            activation.code,
            activation.slope,
            beta,
            t.numpy(),
            points,
            cavity_mean.numpy(),
            cavity.numpy(),
            new_mean,
            new_variance,
        )
        new_mean, new_variance = torch.from_numpy(new_mean), torch.from_numpy(new_variance)
        new_tau = (1.0 / new_variance - 1.0 / cavity).clamp(0.0, 1e8 / beta**2)
        new_nu = torch.where(new_tau > 0, new_mean / new_variance - cavity_mean / cavity, 0.0)
        step = _STEP if sweep else 1.0
        tau, nu = tau + step * (new_tau - tau), nu + step * (new_nu - nu)
        # r is a density with any sites: where they are not finite, ζ is drawn as by the channels
        lost = ~(torch.isfinite(tau) & torch.isfinite(nu)).all(1, keepdim=True)
        tau, nu = tau.masked_fill(lost, 0.0), nu.masked_fill(lost, 0.0)
    return tau, nu
