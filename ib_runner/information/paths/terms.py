"""Terms of the bounds on I(X;T) and I(Y;T) at points t: cheap ones, and their change by paths.

At a point made of input x, with g(x', t) the guess (``guess``) and every mean over x and t,

    b = ln N + ln g(x,t) / Σ_x' g(x',t)

bounds I(X;T) from below on average. Paths give, for the inputs x' ∈ C(t) that g puts first and some
of the others drawn in proportion to g, ln p(t|x') from below, and for x itself from above. Then

    upper = ln p̂₊(t|x) − ln (1/N) [p̂₊(t|x) + Σ_{x'≠x} c(x') p̂(t|x')],
    lower = ln N + ln ĝ(x,t) / Σ_x' ĝ(x',t),

where c is 1 for C(t), and 1/(expected number of draws) for the others; x has no special role in ĝ,
which is p̂ where there are paths and g elsewhere. Where g is the evidence (``evidence``), ĝ is a
geometric mean of both where there are paths, with less of p̂ the more its weights vary. As E upper
= E b + E (upper − b), b is averaged over many points, and the change by paths over few, as its
spread is a fraction of b's.

Proofs: docs/concepts/certified-interval.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ib_runner.information.paths.guess import Guess
from ib_runner.information.paths.log_sums import log_row_sums
from ib_runner.information.paths.pre_activations import PreActivations
from ib_runner.information.paths.weights import Points, path_means

#: share of the uniform distribution in the guessed posterior
DELTA = 1e-3
#: factors of the guess's logarithm (its sharpness) that are tried
_SHARPNESS = tuple(2.0 ** (-k / 2) for k in range(14))
#: mean square of the error of ln of the evidence, as it is taken to be
_UNSURE = 0.1
#: part of the tempered posterior that inputs without paths may have in total
_NEGLIGIBLE = 0.005
#: numbers in a block of densities [points, N], of which there are a dozen
_BLOCK_VALUES = 2**21


@dataclass(frozen=True)
class Classes:
    """Labels of the N inputs, numbered, and the number of inputs that share each input's label."""

    numbers: np.ndarray
    sizes: np.ndarray

    def log_sums(self, log_g: np.ndarray, owners: np.ndarray) -> np.ndarray:
        """ln of the sum of g [m, N] over the label of each row's owner, [m]."""
        same = self.numbers == self.numbers[owners][:, None]
        return log_row_sums(log_g, same)


@dataclass(frozen=True)
class Reach:
    """Numbers of inputs and paths at a point.

    Inputs: at most ``enumerated``, and ``sampled`` others where these do not suffice. Paths:
    ``n_paths`` from the input that made the point, for ln p from above, and ``n_others`` from every
    chosen input, for ln p from below. ``temper``: inputs are chosen by the guess's logarithm times
    this factor, since the guess may be sharper than the true posterior.
    """

    enumerated: int
    sampled: int
    n_paths: int
    n_others: int
    temper: float = 0.6


@dataclass(frozen=True)
class Terms:
    """Terms of the bounds on I(X;T) and, with labels, on I(Y;T): {"x" or "y": [m]}, nats."""

    upper: dict[str, np.ndarray]
    lower: dict[str, np.ndarray]
    #: what the distance of the bounds owes to the randomness of the paths from the point's own
    #: input, and of those from every chosen input: in inverse proportion to their numbers, [m]
    of_own: np.ndarray
    of_others: np.ndarray
    #: ln p(t|x), between its bounds, [m]
    log_own: np.ndarray
    #: inputs that paths were drawn from, [m]
    pairs: np.ndarray


def _posterior_terms(
    log_g: np.ndarray, owners: np.ndarray, classes: Classes | None
) -> dict[str, np.ndarray]:
    """ln N + ln of the guessed posterior of the owner, and the same of its label."""
    n = log_g.shape[1]
    total = log_row_sums(log_g)
    own = np.exp(log_g[np.arange(len(owners)), owners] - total)
    found = {"x": np.log((1.0 - DELTA) * own + DELTA / n) + np.log(n)}
    if classes is not None:
        share = classes.sizes[owners] / n
        label = np.exp(classes.log_sums(log_g, owners) - total)
        found["y"] = np.log((1.0 - DELTA) * label + DELTA * share) - np.log(share)
    return found


def _parts(guess: Guess, n: int) -> list[slice]:
    """All of ``n`` points in blocks at which the densities of all inputs fit in memory."""
    step = max(1, _BLOCK_VALUES // len(guess.means))
    return [slice(first, first + step) for first in range(0, n, step)]


def base_terms(
    guess: Guess, t: np.ndarray, owners: np.ndarray, classes: Classes | None
) -> dict[str, np.ndarray]:
    """b of points ``t`` [m, d] made of the inputs ``owners`` [m]."""
    return joined(
        [
            _posterior_terms(guess.log_densities(t[part]), owners[part], classes)
            for part in _parts(guess, len(t))
        ]
    )


def joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Terms of points in blocks, put together."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def sharpened(guess: Guess, t: np.ndarray, owners: np.ndarray) -> Guess:
    """``guess``, or a simpler one, with the best sharpness at the pilot's points ``t`` [m, d]."""
    best, most = guess, -np.inf
    for one in (guess, *guess.simpler()):
        found = np.zeros(len(_SHARPNESS))
        for part in _parts(one, len(t)):
            log_g = one.log_densities(t[part])
            found += [
                _posterior_terms(c * log_g, owners[part], None)["x"].sum() for c in _SHARPNESS
            ]
        if found.max() > most:
            best, most = replace(one, sharpness=_SHARPNESS[int(np.argmax(found))]), found.max()
    return best


def path_terms(
    units: PreActivations,
    guess: Guess,
    at: Points,
    reach: Reach,
    classes: Classes | None,
    rng: np.random.Generator,
) -> Terms:
    """The terms at each of the points ``at``."""
    parts = [_block(units, guess, at[part], reach, classes, rng) for part in _parts(guess, len(at))]
    return Terms(
        joined([part.upper for part in parts]),
        joined([part.lower for part in parts]),
        of_own=np.concatenate([part.of_own for part in parts]),
        of_others=np.concatenate([part.of_others for part in parts]),
        log_own=np.concatenate([part.log_own for part in parts]),
        pairs=np.concatenate([part.pairs for part in parts]),
    )


def _block(
    units: PreActivations,
    guess: Guess,
    at: Points,
    reach: Reach,
    classes: Classes | None,
    rng: np.random.Generator,
) -> Terms:
    inputs, t = at.inputs, at.t
    log_g = guess.best_log_densities(t.numpy())
    gaussians = None if guess.evidence is None else guess.evidence.gaussians
    owners = torch.from_numpy(inputs)
    own = path_means(units, owners, t, reach.n_paths, rng, at.made_by, gaussians)
    above = own.above
    counts, chances = _chosen(log_g, reach, rng)
    rows, columns = np.nonzero(counts)
    found = path_means(
        units, torch.from_numpy(columns), t[rows], reach.n_others, rng, gaussians=gaussians
    )
    log_p = np.full(log_g.shape, -np.inf)
    log_p[rows, columns] = found.below
    every = np.arange(len(inputs))
    seen = counts > 0
    # g is not normalised as p̂ is: make their sums agree where both are known
    unit = log_row_sums(log_p, seen) - log_row_sums(log_g, seen)
    guessed = log_g + np.where(np.isfinite(unit), unit, 0.0)[:, None]
    power = 1.0 if guess.evidence is None else 1.0 / (1.0 + found.variance / _UNSURE)
    guessed[seen] += power * (log_p[seen] - guessed[seen])
    lower = _posterior_terms(guessed, inputs, classes)
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = log_p + np.log(np.where(seen, counts / chances, 0.0))
    weighted[every, inputs] = above
    total = log_row_sums(weighted)
    upper = {"x": above - total + np.log(log_g.shape[1])}
    with np.errstate(invalid="ignore"):  # where no path is possible
        own_share = np.exp(above - total)
        shares = np.exp(weighted[seen] - total[rows])
        posterior = np.exp(guessed[seen] - log_row_sums(guessed)[rows])
    shares[columns == inputs[rows]] = 0.0
    # the variance of ln of a sum, and twice the expectation that it lowers, to second order
    random = np.square(shares) + np.square(power) * posterior * (1.0 - posterior)
    if classes is not None:
        sizes = classes.sizes[inputs]
        within = np.exp(guessed[every, inputs] - classes.log_sums(guessed, inputs))
        conditional = np.log((1.0 - DELTA) * within + DELTA / sizes) + np.log(sizes)
        upper["y"] = upper["x"] - conditional
    middle = (above + own.below) / 2
    return Terms(
        upper,
        lower,
        np.nan_to_num(0.5 * np.square(1.0 - own_share) * own.variance),
        0.5 * np.bincount(rows, np.nan_to_num(random * found.variance), len(inputs)),
        middle,
        np.count_nonzero(seen, axis=1),
    )


def _chosen(
    log_g: np.ndarray, reach: Reach, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """How often each input is chosen at each point, [m, N], and the expectation of that number.

    The inputs with the largest posterior are chosen, until they have nearly all of it; where these
    are too many, some of the others by systematic sampling in proportion to their posterior. A
    function of t and ``rng`` only, so independent of the input that made t.
    """
    m, n = log_g.shape
    most = min(reach.enumerated, n)
    order = np.argpartition(-log_g, most - 1, axis=1)[:, :most]
    tempered = np.exp(reach.temper * (log_g - log_g.max(1, keepdims=True)))
    total = tempered.sum(1)
    parts = np.take_along_axis(tempered, order, axis=1)
    sort = np.argsort(-parts, axis=1)
    order, parts = np.take_along_axis(order, sort, axis=1), np.take_along_axis(parts, sort, axis=1)
    before = np.cumsum(parts, axis=1) - parts
    first = before < (1.0 - _NEGLIGIBLE) * total[:, None]
    counts, chances = np.zeros((m, n)), np.ones((m, n))
    np.put_along_axis(counts, order, first.astype(float), axis=1)
    crowded = np.flatnonzero((before + parts)[:, -1] < (1.0 - _NEGLIGIBLE) * total)
    if len(crowded) == 0 or reach.sampled == 0:
        return counts, chances
    outside = counts[crowded] == 0
    shares = np.where(outside, tempered[crowded], 0.0)
    shares = shares / shares.sum(1, keepdims=True) * reach.sampled
    # systematic sampling: count the numbers k + (a random fraction) between two partial sums
    sums = np.floor(np.cumsum(shares, axis=1) + rng.random(len(crowded))[:, None])
    drawn = np.diff(sums, axis=1, prepend=0.0)
    counts[crowded] = np.where(outside, drawn, counts[crowded])
    chances[crowded] = np.where(outside, shares, 1.0)
    return counts, chances
