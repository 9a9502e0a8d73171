"""A better guess at p(t|x), for the likeliest inputs at a point: the evidence of Gaussian u.

For each input the pre-activations u are taken for Gaussian, with mean m and covariance C from
draws. Expectation propagation (Minka, 2001) then approximates ∫ N(u; m, C) Π φ_β(t_i − f(u_i)) du.
So the layer's own activation, which makes T far from Gaussian, is taken into account. Any positive
function of t and x will do for the bounds.

A point's sites come from its likeliest input (``aim.sites``) and serve for all of them at first;
those of the likeliest ones are then improved once. In coordinates δ = u − m, let exp(pδ − τδ²/2)
be the sites and B = I + √τ C √τ. Given the sites δ has the covariance V = τ^(−½) (I − B⁻¹) τ^(−½)
and the mean V p, and

    ln Z = ½ (pᵀVp − ln|B|) + Σ_i ln E[φ_β(t_i − f(u_i)) / site_i(u_i)],

the energy of expectation propagation (Rasmussen & Williams, 2006, §3.6), with u_i Gaussian as given
the sites: where these are good, few nodes suffice for the expectation.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.polynomial.hermite_e import hermegauss

from ib_runner.compiled import inner, parallel_range
from ib_runner.information.paths.activation_sites import LEAKY, SIGMOID, TANH
from ib_runner.information.paths.aim import sites
from ib_runner.information.paths.log_sums import log_row_sums
from ib_runner.information.paths.pre_activations import Activation, Gaussians
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.vector_math import LOG2E, exp2

_f = np.float32
#: the most inputs at a point, fewer where their d³ multiplications exceed the second number, none
#: where that leaves less than the third
_NEAR, _MULTIPLICATIONS, _FEWEST_NEAR = 1024, 2**28, 4
#: how far an input's guess may be below the largest at the point, nats
_FAR = 16.0
#: the most inputs whose sites are improved, and one in so many of those near
_IMPROVED, _OF_NEAR = 64, 4
#: smallest variance of u relative to β², and smallest precision of a site relative to 1/C_ii
_NOISE, _LEAST = _f(1e-8), _f(1e-4)
#: step size of the improvement, and the largest precision of a site relative to 1/β²
_STEP, _SHARPEST = _f(0.9), _f(1e6)
#: inputs that are worked on together, by vector instructions
_LANES = 32
#: of the expectations; and units after which ln of a product is taken
_NODES, _WEIGHTS = (one.astype(np.float32) for one in hermegauss(9))
_WEIGHTS /= _WEIGHTS.sum()
_TOGETHER = 8
#: numbers in the covariances of a block of points
_BLOCK_VALUES = 2**21
#: what may be rearranged for vector code; numbers need not be finite
_FAST = {"reassoc", "contract", "arcp", "nsz"}


@inner(error_model="numpy", fastmath=_FAST)
def _factorise(covariance, root, factor, inverse, off):
    """The Cholesky factors of B [d, d, lanes] and their inverses, for √τ = ``root`` [d, lanes]."""
    dim, lanes = root.shape
    for i in range(dim):
        for j in range(i):
            for lane in range(lanes):
                off[lane] = root[i, lane] * root[j, lane] * covariance[i, j, lane]
            for k in range(j):
                for lane in range(lanes):
                    off[lane] -= factor[i, k, lane] * factor[j, k, lane]
            for lane in range(lanes):
                factor[i, j, lane] = off[lane] * inverse[j, j, lane]
        for lane in range(lanes):
            off[lane] = _f(1.0) + root[i, lane] * root[i, lane] * covariance[i, i, lane]
        for k in range(i):
            for lane in range(lanes):
                off[lane] -= factor[i, k, lane] * factor[i, k, lane]
        for lane in range(lanes):
            inverse[i, i, lane] = _f(1.0) / np.sqrt(off[lane])
        for j in range(i):
            for lane in range(lanes):
                off[lane] = _f(0.0)
            for k in range(j, i):
                for lane in range(lanes):
                    off[lane] -= factor[i, k, lane] * inverse[k, j, lane]
            for lane in range(lanes):
                inverse[i, j, lane] = off[lane] * inverse[i, i, lane]


@inner(error_model="numpy", fastmath=_FAST)
def _given_sites(root, p, inverse, scaled, part, delta, variance):
    """The mean ``delta`` and the ``variance`` of every unit given the sites, [d, lanes]."""
    dim, lanes = root.shape
    for i in range(dim):
        for lane in range(lanes):
            scaled[i, lane] = p[i, lane] / root[i, lane]
            delta[i, lane], variance[i, lane] = _f(0.0), _f(0.0)
    for i in range(dim):
        for lane in range(lanes):
            part[lane] = _f(0.0)
        for j in range(i + 1):
            for lane in range(lanes):
                part[lane] += inverse[i, j, lane] * scaled[j, lane]
        for j in range(i + 1):
            for lane in range(lanes):
                delta[j, lane] += inverse[i, j, lane] * part[lane]
                variance[j, lane] += inverse[i, j, lane] * inverse[i, j, lane]
    for i in range(dim):
        for lane in range(lanes):
            delta[i, lane] = (scaled[i, lane] - delta[i, lane]) / root[i, lane]
            variance[i, lane] = (_f(1.0) - variance[i, lane]) / (root[i, lane] * root[i, lane])


@inner(error_model="numpy", fastmath=_FAST)
def _unit(code, slope, half, t, mean, tau, p, delta, variance, logs, moments):
    """E[φ/site] of one unit as ln of a factor and the rest, and δ's mean and variance given φ.

    These are the rows of ``moments`` [4, lanes]. ``half`` is 1/2β².
    """
    lanes = len(mean)
    top, total, first, second = moments[0], moments[1], moments[2], moments[3]
    for lane in range(lanes):
        top[lane], total[lane] = _f(-np.inf), _f(0.0)
        first[lane], second[lane] = _f(0.0), _f(0.0)
    for k in range(len(_NODES)):
        for lane in range(lanes):
            moved = delta[lane] + np.sqrt(variance[lane]) * _NODES[k]
            u = mean[lane] + moved
            if code == TANH:
                s = _f(1.0) - _f(2.0) / (_f(1.0) + exp2(min(u * (_f(2.0) * LOG2E), _f(100.0))))
            elif code == SIGMOID:
                s = _f(1.0) / (_f(1.0) + exp2(min(u * -LOG2E, _f(100.0))))
            else:
                s = max(u, slope * u)
            off = t - s
            logs[k, lane] = (_f(0.5) * tau[lane] * moved - p[lane]) * moved - half * off * off
            top[lane] = max(top[lane], logs[k, lane])
    for k in range(len(_NODES)):
        for lane in range(lanes):
            weight = _WEIGHTS[k] * exp2((logs[k, lane] - top[lane]) * LOG2E)
            total[lane] += weight
            first[lane] += weight * _NODES[k]
            second[lane] += weight * _NODES[k] * _NODES[k]
    for lane in range(lanes):
        off = first[lane] / total[lane]
        spread = max(second[lane] / total[lane] - off * off, _f(1e-4))
        first[lane] = delta[lane] + np.sqrt(variance[lane]) * off
        second[lane] = variance[lane] * spread


@parallel_range(error_model="numpy")
def _log_evidence(
    begin, end, code, slope, beta, t, sites, near, counts, means, covariances, improve, found
):
    """ln Z of the first ``counts`` [m] inputs ``near`` [m, c] at ``t`` [m, d]: ``found`` [m, c].

    ``sites`` [2, m, d]: τ and ν of the points' sites, which are improved first if ``improve``.
    ``covariances`` [N or 1, d, d].
    """
    dim, lanes, common = t.shape[1], _LANES, len(covariances) == 1
    matrices = np.empty((3, dim, dim, lanes), np.float32)
    rows = np.empty((7, dim, lanes), np.float32)
    covariance, factor, inverse = matrices[0], matrices[1], matrices[2]
    mean, tau, p, root, delta, variance = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    logs, moments = np.empty((len(_NODES), lanes), np.float32), np.empty((4, lanes), np.float32)
    off, log_z, product = np.empty(lanes, np.float32), np.empty(lanes), np.empty(lanes)
    precise = _f(1.0 / (beta * beta))
    half, below = _f(0.5) * precise, _f(slope if code == LEAKY else 1.0)
    for row in range(begin, end):
        for place in range(0, counts[row], lanes):
            for lane in range(lanes):
                x = near[row, min(place + lane, counts[row] - 1)]
                for i in range(dim):
                    mean[i, lane] = means[x, i]
                    tau[i, lane] = sites[0, row, i]
                    p[i, lane] = sites[1, row, i] - sites[0, row, i] * means[x, i]
                if common and place > 0:
                    continue
                own = covariances[0 if common else x]
                for i in range(dim):
                    for j in range(i + 1):
                        covariance[i, j, lane] = own[i, j]
                    covariance[i, i, lane] += _NOISE / precise
            for again in range(2 if improve else 1):
                for i in range(dim):
                    for lane in range(lanes):
                        least = _LEAST / covariance[i, i, lane]
                        root[i, lane] = np.sqrt(max(tau[i, lane], least))
                if place == 0 or improve or not common:
                    _factorise(covariance, root, factor, inverse, off)
                _given_sites(root, p, inverse, rows[6], off, delta, variance)
                for lane in range(lanes):
                    log_z[lane], product[lane] = 0.0, 1.0
                for i in range(dim):
                    _unit(
                        code,
                        below,
                        half,
                        _f(t[row, i]),
                        mean[i],
                        tau[i],
                        p[i],
                        delta[i],
                        variance[i],
                        logs,
                        moments,
                    )
                    for lane in range(lanes):
                        log_z[lane] += moments[0, lane] + _f(0.5) * p[i, lane] * delta[i, lane]
                        product[lane] *= moments[1, lane] * inverse[i, i, lane]
                    if i % _TOGETHER == _TOGETHER - 1 or i == dim - 1:
                        for lane in range(lanes):
                            log_z[lane] += np.log(product[lane])
                            product[lane] = 1.0
                    if improve and again == 0:
                        for lane in range(lanes):
                            old, new = _f(1.0) / variance[i, lane], _f(1.0) / moments[3, lane]
                            precision = max(new - old + tau[i, lane], _f(0.0))
                            precision = min(precision, _SHARPEST * precise)
                            pull = moments[2, lane] * new - delta[i, lane] * old + p[i, lane]
                            pull = pull if precision > _f(0.0) else _f(0.0)
                            tau[i, lane] += _STEP * (precision - tau[i, lane])
                            p[i, lane] += _STEP * (pull - p[i, lane])
            for lane in range(min(lanes, counts[row] - place)):
                found[row, place + lane] = log_z[lane]


@dataclass(frozen=True)
class Evidence:
    """The evidence of one layer: its activation, noise, and u of all inputs."""

    activation: Activation
    beta: float
    gaussians: Gaussians

    @property
    def cost(self) -> float:
        """Of a point, in kernel evaluations: 40 multiplications by vector instructions."""
        n, dim = self.gaussians.means.shape
        each = dim**3 / 3 + 150.0 * dim
        return (min(_most_near(dim), n) + 2.0 * min(_most_improved(dim), n)) * each / 40

    def refined(self, log_g: np.ndarray, t: np.ndarray) -> np.ndarray:
        """``log_g`` [m, N] at ``t`` [m, d] with ln Z of the likeliest inputs, of the same sum."""
        most = min(_most_near(t.shape[1]), log_g.shape[1])
        near = np.argpartition(-log_g, most - 1, axis=1)[:, :most]
        values = np.take_along_axis(log_g, near, axis=1)
        sort = np.argsort(-values, axis=1)
        near, values = (np.take_along_axis(a, sort, axis=1) for a in (near, values))
        counts = np.count_nonzero(values > values[:, :1] - _FAR, axis=1)
        log_z = np.full(values.shape, -np.inf)
        self._log_evidence(t, near, counts, log_z)
        known = np.isfinite(log_z)
        with np.errstate(invalid="ignore"):
            unit = log_row_sums(values, known) - log_row_sums(log_z, known)
        unit = np.where(np.isfinite(unit), unit, 0.0)
        better = log_g.copy()
        np.put_along_axis(better, near, np.where(known, log_z + unit[:, None], values), axis=1)
        return better

    def _log_evidence(
        self, t: np.ndarray, near: np.ndarray, counts: np.ndarray, log_z: np.ndarray
    ) -> None:
        """ln Z of the first ``counts`` inputs ``near`` into ``log_z`` [m, c]."""
        of_points = np.empty((2, *t.shape))
        step = max(1, _BLOCK_VALUES // t.shape[1] ** 2)
        for first in range(0, len(t), step):
            part = slice(first, first + step)
            likeliest = self.gaussians.of(torch.from_numpy(near[part, 0]))
            found = sites(self.activation, self.beta, torch.from_numpy(t[part]), *likeliest)
            of_points[:, part] = np.stack([one.numpy() for one in found])

        def run(rows: np.ndarray, first: np.ndarray, improve: bool, out: np.ndarray) -> None:
            _log_evidence(
                len(t),
                self.activation.code,
                self.activation.slope,
                self.beta,
                t,
                of_points,
                rows,
                first,
                self.gaussians.means,
                self.gaussians.covariances,
                improve,
                out,
            )

        run(near, counts, False, log_z)
        some = min(_most_improved(t.shape[1]), near.shape[1])
        order = np.argsort(-log_z, axis=1)[:, :some]
        better = np.full(order.shape, -np.inf)
        run(np.take_along_axis(near, order, axis=1), np.minimum(counts, some), True, better)
        np.put_along_axis(log_z, order, better, axis=1)


def _most_near(dim: int) -> int:
    return min(_NEAR, _MULTIPLICATIONS // dim**3)


def _most_improved(dim: int) -> int:
    return min(_IMPROVED, max(1, _most_near(dim) // _OF_NEAR))


def has_evidence(sampler: Sampler, layer: Layer) -> bool:
    """Whether u of ``layer`` is known, and the work for a few inputs at a point is bearable."""
    return sampler.plain is not None and _most_near(layer.dim) >= _FEWEST_NEAR


class Moments:
    """Means and covariances of u of all inputs of a plain network's layer, from draws below it.

    u = W (S + β n) + b given S of the layer below: the part of n is known exactly.
    """

    def __init__(self, sampler: Sampler, layer: Layer):
        plain, k = sampler.plain, layer.number - 1
        self._activation = Activation(int(plain.activations[k]), float(plain.slopes[k]))
        self._beta, below = layer.beta, sampler.layers[k - 1]
        weights, self._bias = plain.affine(layer.number)
        self._weights = weights
        self._noise = below.beta**2 * weights @ weights.T
        self._common = below.exact
        n, dim = len(sampler), layer.dim
        self._means = np.empty((n, dim))
        self._covariances = np.empty((1 if below.exact else n, dim, dim), np.float32)
        self._covariances[:] = self._noise

    def add(self, first: int, s: np.ndarray) -> None:
        """Draws ``s`` [inputs, units, draws] of S of the layer below, from input ``first`` on."""
        part, n_draws = slice(first, first + len(s)), s.shape[2]
        middle = s[:, :, 0] if self._common else s.mean(2, dtype=np.float64)
        self._means[part] = middle @ self._weights.T + self._bias
        if self._common:
            return
        off = (s - middle[:, :, None]).astype(np.float32)
        u = np.matmul(self._weights.astype(np.float32), off)
        # (n + 1)/(n − 1): the sample variance is too small, and the sample mean has an error
        scale = (n_draws + 1.0) / (n_draws - 1.0) / n_draws
        self._covariances[part] += scale * np.matmul(u, u.transpose(0, 2, 1))

    def evidence(self) -> Evidence:
        """The evidence from the draws added, which must be of all inputs."""
        return Evidence(self._activation, self._beta, Gaussians(self._means, self._covariances))
