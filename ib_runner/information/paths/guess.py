"""A cheap guess g(x, t) at p(t|x) of all inputs, one Gaussian each, for any number of units.

Mean and covariance of an input come from draws; its correlations are shrunk towards the mean
correlations of all inputs. At a point, the densities of all inputs are computed without their own
correlations first (in coordinates where the mean covariance is diagonal), then again with them for
the most likely inputs. Where there are paths, an even better guess replaces the latter
(``evidence``). The bounds only require that g is positive and does not depend on the input that
made t.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from ib_runner.compiled import parallel_range
from ib_runner.information.paths.evidence import Evidence, Moments, has_evidence
from ib_runner.information.sampling.sampler import Layer, Sampler
from ib_runner.information.sampling.streams import Stream

#: draws of all inputs together; the fewest and the most per input
_DRAWS_IN_ALL, _FEWEST_DRAWS, _MOST_DRAWS = 2**20, 256, 2048
#: inputs at a point whose densities are computed with their own correlations
_NEAR = 64
#: the most values in the covariances of all inputs; if there were more, none are computed
_COVARIANCE_VALUES = 2**28
#: the most values in a block of draws or densities
_BLOCK_VALUES = 2**23
#: the most normal numbers for the draws of all inputs, unless these are few
_NOISE_IN_ALL, _FEW_DRAWS = 2**33, 32
_GROUP = 16
#: the most units that are used; the fewest draws for a Gaussian, in layers with more units
_MOST_UNITS, _FEWEST = 1024, 4
#: weight, in draws, of the mean variance of all inputs in the variance of one input
_SHRUNK = 8
#: the fewest draws of all inputs per unit for common axes
_PER_AXIS = 64


@parallel_range(error_model="numpy")
def _correlated(begin, end, t, near, means, whitening, log_norms, log_densities):
    """ln N(t; mean, covariance) of the inputs ``near`` [m, c] into ``log_densities`` [m, N]."""
    dim = t.shape[1]
    for p in range(begin, end):
        off = np.empty(dim)
        for c in range(near.shape[1]):
            x = near[p, c]
            for i in range(dim):
                off[i] = t[p, i] - means[x, i]
            square = 0.0
            for i in range(dim):
                total = 0.0
                for j in range(i + 1):
                    total += whitening[x, i, j] * off[j]
                square += total * total
            log_densities[p, x] = log_norms[x] - 0.5 * square


@dataclass(frozen=True)
class Guess:
    """Gaussians of N inputs: ``means`` [N, d]; ``variances`` [N, d] in the coordinates ``axes``.

    Only ``units`` of the layer are used, all of them unless there are very many. ``sharpness``
    multiplies the logarithms, and is less than 1 where units taken for independent are not.
    ``evidence``: the better guess.
    ``whitening`` [N, d, d]: inverse Cholesky factors of the covariances, None where these would
    need too much memory; ``log_norms`` [N]: ln of the densities' peaks, with correlations and
    without.
    """

    units: np.ndarray
    means: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    log_norms_alone: np.ndarray
    whitening: np.ndarray | None
    log_norms: np.ndarray | None
    evidence: Evidence | None = None
    sharpness: float = 1.0

    def log_densities(self, t: np.ndarray) -> np.ndarray:
        """ln g(x, t) [m, N] up to a constant, at ``t`` [m, units of the layer]."""
        t = t[:, self.units]
        origin = self.means.mean(0)
        turned, means = (t - origin) @ self.axes, (self.means - origin) @ self.axes
        weights = 1.0 / self.variances
        found = turned @ (means * weights).T
        found -= 0.5 * (np.square(turned) @ weights.T)
        found += self.log_norms_alone - 0.5 * (np.square(means) * weights).sum(1)
        if self.whitening is not None:
            n_near = min(_NEAR, found.shape[1])
            near = np.argpartition(found, found.shape[1] - n_near, axis=1)[:, -n_near:]
            _correlated(len(t), t, near, self.means, self.whitening, self.log_norms, found)
        return self.sharpness * found

    def best_log_densities(self, t: np.ndarray) -> np.ndarray:
        """``log_densities``, with the better guess for the likeliest inputs."""
        found = self.log_densities(t)
        return found if self.evidence is None else self.evidence.refined(found, t)

    def simpler(self) -> list["Guess"]:
        """Guesses with fewer parameters: variances common to all inputs, or to all units as well.

        These are better where variances from few draws say more about the draws than about x.
        """
        n, dim = self.variances.shape
        common = np.broadcast_to(self.variances.mean(0), (n, dim))
        one = np.broadcast_to(self.variances.mean(), (n, dim))
        alike = replace(self, log_norms_alone=np.zeros(n), whitening=None, log_norms=None)
        return [replace(alike, variances=common), replace(alike, variances=one)]


def draws_of_an_input(sampler: Sampler, layer: Layer) -> int:
    """The number of draws of each input for the guess of ``layer``."""
    if layer.dim > _MOST_UNITS:
        return _FEWEST
    n = len(sampler)
    wanted = int(np.clip(_DRAWS_IN_ALL // n, _FEWEST_DRAWS, _MOST_DRAWS))
    noise = sum(below.dim for below in sampler.layers[: layer.number - 1])
    return min(wanted, max(_FEW_DRAWS, _NOISE_IN_ALL // max(1, n * noise)))


def fit(sampler: Sampler, layer: Layer) -> Guess:
    """The guess of ``layer`` for all inputs, from draws that are used for nothing else."""
    n, k = len(sampler), layer.number
    units = _most_varying(sampler, layer)
    dim = len(units)
    n_draws = draws_of_an_input(sampler, layer)
    full = n * dim**2 <= _COVARIANCE_VALUES
    means, covariances = np.empty((n, dim)), np.empty((n, dim, dim) if full else 0, np.float32)
    mean_covariance = np.zeros((dim, dim))
    moments = Moments(sampler, layer) if full and has_evidence(sampler, layer) else None
    keep = [k] if moments is None else [k - 1, k]
    widest = max(sampler.layers[j - 1].dim for j in keep)
    step = max(1, _BLOCK_VALUES // (widest * max(n_draws, dim)) // _GROUP) * _GROUP
    blocks = [(first, min(first + step, n)) for first in range(0, n, step)]

    def centred(first: int, last: int) -> np.ndarray:
        drawn = sampler.draw(first, last, n_draws, Stream.GUESS, keep)
        if moments is not None:
            moments.add(first, drawn[k - 1])
        s = drawn[k][:, units].astype(np.float64)
        means[first:last] = s.mean(2)
        return s - means[first:last, :, None]

    for first, last in blocks:
        s = centred(first, last)
        if full:
            covariances[first:last] = s @ s.transpose(0, 2, 1) / n_draws
            mean_covariance += covariances[first:last].sum(0, dtype=np.float64) / n
        else:
            rows = s.transpose(1, 0, 2).reshape(dim, -1)
            mean_covariance += rows @ rows.T / (n * n_draws)
    # axes from fewer draws would mainly reflect the draws' randomness
    many = n * n_draws >= _PER_AXIS * dim
    axes = np.linalg.eigh(mean_covariance)[1] if many else np.eye(dim)
    variances = np.empty((n, dim))
    for first, last in blocks:
        if full:
            found = np.einsum("ji,njk,ki->ni", axes, covariances[first:last], axes, optimize=True)
        else:
            found = np.square(axes.T @ centred(first, last)).mean(2)
        variances[first:last] = np.maximum(found, 0.0)
    # shrink an input's variances towards the mean of all inputs, as few draws are uncertain
    share = _SHRUNK / (_SHRUNK + n_draws) if n_draws > _FEWEST else 1.0
    variances = (1.0 - share) * variances + share * variances.mean(0)
    # (n + 1)/(n − 1): the sample variance is too small, and the sample mean has an error
    variances = variances * (n_draws + 1.0) / (n_draws - 1.0) + layer.beta**2
    whitening = log_norms = None
    if full:
        whitening, log_norms = covariances, np.empty(n)
        scales = np.sqrt(np.maximum(mean_covariance.diagonal(), 1e-30))
        correlations = mean_covariance / scales / scales[:, None]
        share = 2.0 * dim / (2.0 * dim + n_draws)
        for first, last in blocks:
            own = covariances[first:last].astype(np.float64)
            spread = np.sqrt(np.maximum(own.diagonal(axis1=1, axis2=2), 0.0))
            common = spread[:, :, None] * correlations * spread[:, None, :]
            shrunk = (1.0 - share) * own + share * common
            shrunk += layer.beta**2 * np.eye(dim)
            factors = np.linalg.cholesky(shrunk)
            log_norms[first:last] = -np.log(factors.diagonal(axis1=1, axis2=2)).sum(1)
            eye = torch.eye(dim, dtype=torch.float64)
            inverse = torch.linalg.solve_triangular(torch.from_numpy(factors), eye, upper=False)
            whitening[first:last] = inverse.numpy()
    return Guess(
        units,
        means,
        axes,
        variances,
        -0.5 * np.log(variances).sum(1),
        whitening,
        log_norms,
        None if moments is None else moments.evidence(),
    )


def _most_varying(sampler: Sampler, layer: Layer) -> np.ndarray:
    """The numbers of the units that differ most between some of the inputs."""
    if layer.dim <= _MOST_UNITS:
        return np.arange(layer.dim)
    some = min(len(sampler), 8 * _GROUP)
    s = sampler.draw(0, some, _FEWEST, Stream.GUESS, [layer.number])[layer.number]
    return np.sort(np.argsort(s.mean(2).var(0))[-_MOST_UNITS:])
