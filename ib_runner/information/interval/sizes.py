"""Choosing n_x, n_o, n_mc from a pilot: the cheapest sizes for the target width, or the narrowest.

Choosing sizes on the draws of the estimate, or stopping when the width looks good, would break the
95 %; so the pilot has points of its own.

The distance of the bounds is E ln p̂(t|x) − E ln q(t|x): the first term depends on cloud A's size
n_x alone, the second on cloud B's size n_o and on the number of Gaussians. The errors of both
shrink like 1/size. Their effect on either bound follows to first order from the mean posterior
p(x|t): raising ln q(t|x) by 1 raises ln Σ q by p(x|t), and the log-posterior by 1 − p(x|t).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from ib_runner.information.interval.bounds import unseen_above, unseen_below

#: kernel evaluations for one layer, pilot included, unless a budget is given
BUDGET = 10**9
#: shares of the uniform distribution in the guessed posterior that are tried
DELTAS = (1e-4, 1e-3, 1e-2)
#: draws per input that are considered
N_X = (256, 512, 1024, 2048, 4096, 8192)
N_O = (256, 512, 1024, 2048, 4096)
#: the width that sizes are chosen for, as a share of the target width: forecasts are uncertain
_CAUTION = 0.7
#: where the target width cannot be reached: the sampling error need not be below this share of it
_LEAST_NOISE = 0.1
#: the fewest points in total for a width ≤ 0.05 nats, so that rare points are seen; and per input
_FEWEST_IN_ALL, _FEWEST = 2**14, 2
_MOST = 2**31
_QUANTILE = 1.96
#: costs in kernel evaluations: evaluating a component, a draw, fitting a draw to one Gaussian
_COMPONENT, _DRAW, _FIT = 3.0, 100.0, 20.0


@dataclass(frozen=True)
class Sizes:
    """``n_x``, ``n_o``: draws per input in clouds A and B; ``n_mc``: points per input.

    ``components``: Gaussians for each cloud B, at most; ``delta``: the δ of the lower bound;
    ``width``: the forecast width of the interval, nats; ``cost``: the forecast kernel evaluations.
    """

    n_x: int
    n_o: int
    components: int
    n_mc: int
    delta: float
    width: float = field(default=float("nan"), compare=False)
    cost: float = field(default=float("nan"), compare=False)


@dataclass(frozen=True)
class Pilot:
    """Means over the pilot's points, in nats, and the cost of a point.

    ``own`` E ln p̂(t|x) by n_x; ``fitted`` E ln q(t|x) by (n_o, components). At the sizes ``base``
    = (n_x, (n_o, components)): the ``upper`` bound; for every δ the ``loss``, by which δ lowers the
    lower bound, and the ``spread``, the sum of both bounds' standard deviations within inputs;
    ``posterior``, the mean of q(t|x)/Σ q; ``near``, the components evaluated at a point.
    """

    own: Mapping[int, float]
    fitted: Mapping[tuple[int, int], float]
    base: tuple[int, tuple[int, int]]
    upper: float
    loss: Mapping[float, float]
    spread: Mapping[float, float]
    posterior: float
    near: float

    def own_at(self, n_x: int) -> float:
        """E ln p̂(t|x) for clouds of ``n_x``, measured or forecast."""
        return _along(self.own, n_x)

    def fitted_at(self, n_o: int, components: int) -> float:
        """E ln q(t|x), measured or forecast, for ``components`` Gaussians and ``n_o`` draws."""
        if (n_o, components) in self.fitted:
            return self.fitted[n_o, components]
        return _along({n: v for (n, k), v in self.fitted.items() if k == components}, n_o)

    @property
    def components(self) -> list[int]:
        """The numbers of Gaussians that were tried."""
        return sorted({k for _, k in self.fitted})

    def components_at(self, components: int) -> float:
        """Components evaluated at a point if each input has up to ``components`` Gaussians."""
        return self.near * np.sqrt(components / self.base[1][1])

    def unseen(self, highest: float) -> float:
        """The allowance for rare points at both ends, in nats, times the number of points."""
        return unseen_above(self.upper, highest, 1) + unseen_below(self.upper, 1)

    def gap(self, n_x: int, n_o: int, components: int, delta: float, highest: float) -> float:
        """The distance of the bounds in nats, each limited to at most ``highest`` = H(X)."""
        own, fitted = self.own_at(n_x), self.fitted_at(n_o, components)
        upper = self.upper + own - self.own_at(self.base[0])
        upper -= self.posterior * (fitted - self.fitted_at(*self.base[1]))
        lower = upper - (own - fitted) - self.loss[delta]
        return max(min(upper, highest) - min(lower, highest), 0.0)


def _along(values: Mapping[int, float], n: int) -> float:
    """The value at size ``n``; beyond the measured sizes, a + b/n through the two largest."""
    if n in values:
        return values[n]
    small, large = sorted(values)[-2:]
    slope = (values[small] - values[large]) / (1.0 / small - 1.0 / large)
    return values[large] + slope * (1.0 / n - 1.0 / large)


@dataclass(frozen=True)
class Request:
    """The problem of choosing sizes, for ``n`` inputs of entropy ``highest`` in nats.

    ``exact``: the layer has no noise below. A size that is not None is used as given.
    """

    n: int
    exact: bool
    highest: float
    target_width: float
    budget: float
    n_x: int | None = None
    n_o: int | None = None
    n_mc: int | None = None

    @property
    def fewest(self) -> int:
        """The least number of points per input."""
        in_all = _FEWEST_IN_ALL * min(1.0, 0.05 / self.target_width)
        return self.n_mc or max(_FEWEST, int(np.ceil(in_all / self.n)))

    def sizes_x(self) -> Sequence[int]:
        """The n_x to consider: at least one draw per point, as no two points share a draw."""
        if self.exact:
            return (1,)
        if self.n_x is not None:
            return (max(self.n_x, self.n_mc or 0),)
        return [n for n in N_X if n >= self.fewest] or (self.fewest,)

    def sizes_o(self) -> Sequence[int]:
        """The n_o to consider."""
        if self.exact:
            return (1,)
        return N_O if self.n_o is None else (self.n_o,)

    def points(self, wanted: float, n_x: int, components: float) -> int:
        """Points per input: ``wanted``, or as many as the budget and the draws allow.

        ``components`` are evaluated at each point. A standard error needs at least two points.
        """
        affordable = int(min(self.budget / (self.n * (n_x + components)), _MOST))
        if self.n_mc is not None:
            return min(self.n_mc, affordable)
        most = affordable if self.exact else min(affordable, n_x)
        # where the pilot is NaN or infinite, so is ``wanted``: take the most points
        enough = int(np.ceil(min(_MOST, wanted)))
        return min(max(enough, self.fewest), most)


def choose(pilot: Pilot, request: Request) -> Sizes | None:
    """The cheapest sizes within the budget whose interval has the target width.

    If the budget is too small for that width, the sizes of the narrowest interval; None if it is
    too small for any sizes, or if the pilot overflows.
    """
    forecasts = [option for option in _forecasts(pilot, request) if np.isfinite(option[0])]
    if not forecasts:
        return None
    goal = _CAUTION * request.target_width
    good = [(cost, sizes) for width, cost, sizes in forecasts if width <= goal]
    if good:
        return min(good, key=lambda option: option[0])[1]
    # widths that differ by less than a hundredth of the target width count as equal
    step = 0.01 * request.target_width
    return min(forecasts, key=lambda option: (round(option[0] / step), option[1]))[2]


def _forecasts(pilot: Pilot, request: Request) -> Iterator[tuple[float, float, Sizes]]:
    """(width, cost, sizes) of every combination, with the n_mc it needs."""
    goal, rare = _CAUTION * request.target_width, pilot.unseen(request.highest)
    for n_x, n_o, components, delta in product(
        request.sizes_x(), request.sizes_o(), pilot.components, DELTAS
    ):
        gap = pilot.gap(n_x, n_o, components, delta, request.highest)
        near = pilot.components_at(components)
        room = max(goal - gap, _LEAST_NOISE * request.target_width)
        wanted = _points(pilot.spread[delta], rare, room)
        n_mc = request.points(wanted / request.n, n_x, near)
        if n_mc < 2:
            continue
        points = request.n * n_mc
        width = gap + _QUANTILE * pilot.spread[delta] / np.sqrt(points) + rare / points
        cost = points * (n_x + _COMPONENT * near) + request.n * _DRAW * n_x
        if (n_o, components) != pilot.base[1]:  # these densities are there already
            cost += request.n * n_o * (_DRAW + _FIT * np.sqrt(components))
        yield width, cost, Sizes(n_x, n_o, components, n_mc, delta, width, cost)


def _points(spread: float, rare: float, room: float) -> float:
    """The number M of points for which 1.96·``spread``/√M + ``rare``/M is ``room``."""
    root = _QUANTILE * spread / 2 + np.sqrt((_QUANTILE * spread / 2) ** 2 + rare * room)
    return float((root / room) ** 2)
