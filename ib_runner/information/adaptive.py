"""How many points an interval needs: read off pilot draws, which are then thrown away.

Choosing on the draws that are evaluated later, or stopping when the width looks good, would break
the 95 %; so the pilot's draws are its own.
"""

from dataclasses import dataclass

import numpy as np

from ib_runner.information.bounds import RARE, Points, bound_x
from ib_runner.information.conditional_densities import MixtureSums

#: shares of the uniform distribution in the guessed posterior that are tried
DELTAS = (1e-4, 1e-3, 1e-2)
#: the width aimed at, relative to the one asked for: the pilot's forecast is uncertain
_CAUTION = 0.85
#: noise is not pushed below this share of the width asked for: the bounds' distance remains
_LEAST_ROOM = 0.2
#: points per input, and points in all: fewer would miss rare ones
_FEWEST = 4
_FEWEST_IN_ALL = 2**14
#: kernel evaluations for one layer, unless a budget is given
BUDGET = 10**9
_QUANTILE = 1.96


@dataclass(frozen=True)
class Plan:
    """Evaluation points per input, and the share δ of the uniform distribution."""

    n_mc: int
    delta: float


@dataclass(frozen=True)
class _Forecast:
    """What the pilot says: the bounds' distance, and √(variance) of a point within an input."""

    gap: float
    spread: float

    def width(self, n_points: float) -> float:
        return self.gap + _QUANTILE * self.spread / np.sqrt(n_points) + RARE / n_points


def _forecast(points: Points, sums: MixtureSums, n: int, delta: float) -> _Forecast:
    bound = bound_x(points, sums, n, delta)
    highest = np.log(n)
    gap = min(bound.upper.mean(), highest) - bound.lower.mean()
    spread = sum(np.sqrt(terms.var(1, ddof=1).mean()) for terms in (bound.upper, bound.lower))
    return _Forecast(gap, spread)


def plan(
    points: Points,
    sums: MixtureSums,
    n: int,
    n_x: int,
    most: int,
    target_width: float,
    budget: int | None,
) -> Plan:
    """The fewest points per input that make the interval as narrow as ``target_width``.

    ``points`` and ``sums`` are the pilot's, of some of the ``n`` inputs. Where the budget of kernel
    evaluations (of draws, ``n_x`` for each point, and of components) or ``most`` points do not
    suffice, as many as they allow; at least 4, and 2^14 in all.
    """
    pilot_points = points.log2_own_cloud.size
    forecasts = [_forecast(points, sums, n, delta) for delta in DELTAS]
    best = int(np.argmin([forecast.width(n * _FEWEST) for forecast in forecasts]))
    forecast = forecasts[best]
    room = max(_CAUTION * target_width - forecast.gap, _LEAST_ROOM * target_width)
    wanted = (_QUANTILE * forecast.spread / room) ** 2 / n
    evaluations = n_x + sums.evaluations / pilot_points
    affordable = (budget or BUDGET) / (n * evaluations)
    fewest = min(max(_FEWEST, -(-_FEWEST_IN_ALL // n)), most)
    n_mc = int(np.clip(np.ceil(min(wanted, affordable)), fewest, most))
    return Plan(n_mc, DELTAS[best])
