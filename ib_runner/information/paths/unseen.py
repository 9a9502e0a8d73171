"""What changes by paths that no chosen point shows may do to the ends of an interval.

Points are chosen with chances in proportion to ``Choice.density``. Proof (proposition 6):
docs/concepts/certified-interval.md.
"""

import math

from ib_runner.information.interval.bounds import MISS, unseen
from ib_runner.information.paths.choice import EVEN, Choice, Line


def unseen_changes(
    choice: Choice, below: Line, count: int, target: str = "x", miss: float = MISS
) -> tuple[float, float]:
    """By how much changes that none of ``count`` points shows may move the upper and lower bound.

    They are where E[density] ≤ ``unseen``/``count``. Upwards none is more than the room, to which
    the density is in proportion. Downwards, ``below`` counts, which is added unseen; b alone would
    not be wrong, were it not for the other points at the same t, which may be seen (proposition 6).
    """
    rare = unseen(miss) / count
    above, share = rare * choice.room / (1.0 - EVEN), rare / EVEN
    added = rare * max(below.level / EVEN, below.slope * choice.room / (1.0 - EVEN), 0.0)
    if target == "x":
        # the part of the guessed posterior that can be sure and wrong is at most R, the pilot's
        return above, sure_and_wrong(share, min(1.0, 2.0 * choice.room)) + added
    # the upper bound of a label has a lower one in it, of I(X;T|Y)
    lost = sure_and_wrong(share, 1.0)
    return above + lost, lost + added


def sure_and_wrong(share: float, most: float) -> float:
    """What is lost at a ``share`` of the points, where the guess has ``most`` of its posterior."""
    return share * (1.0 + math.log1p(most / share))
