"""Allowances at the ends of an interval for changes by paths that no chosen point shows.

Points are chosen with chances in proportion to ``Choice.density``. Proof (proposition 6):
docs/concepts/certified-interval.md.
"""

import math

from ib_runner.information.interval.bounds import MISS, unseen
from ib_runner.information.paths.choice import EVEN, Choice, Line


def unseen_changes(
    choice: Choice, below: Line, count: int, target: str = "x", miss: float = MISS
) -> tuple[float, float]:
    """How much changes that none of ``count`` points shows may move the upper and the lower bound.

    Such changes are at points with E[density] ≤ ``unseen``/``count``. An upward change is at most
    the room, to which the density is proportional. Downward, the line ``below`` is added at unseen
    points, too; b alone is a valid bound, except for other points at the same t that may have been
    seen (proposition 6).
    """
    rare = unseen(miss) / count
    above, share = rare * choice.room / (1.0 - EVEN), rare / EVEN
    added = rare * max(below.level / EVEN, below.slope * choice.room / (1.0 - EVEN), 0.0)
    if target == "x":
        # the part of the guessed posterior that is certain but wrong is at most R, from the pilot
        return above, sure_and_wrong(share, min(1.0, 2.0 * choice.room)) + added
    # the upper bound on I(Y;T) contains a lower bound, on I(X;T|Y)
    lost = sure_and_wrong(share, 1.0)
    return above + lost, lost + added


def sure_and_wrong(share: float, most: float) -> float:
    """The loss in nats at a ``share`` of points where the guess has ``most`` of its posterior."""
    return share * (1.0 + math.log1p(most / share))
