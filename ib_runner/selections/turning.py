"""Turning points of a trajectory beyond its intervals, and the choice of epochs to show."""

from typing import NamedTuple

import numpy as np
import pandas as pd

#: nats by which a trajectory must change back, beyond the intervals, for a turning point
SWING = 0.2


class Turn(NamedTuple):
    """A turning point: the row's position, its epoch, and whether it is a peak, else a dip."""

    position: int
    epoch: int
    peak: bool


def turning_points(rows: pd.DataFrame, swing: float = SWING) -> list[Turn]:
    """Peaks and dips, in turn, of one layer's ``rows`` (epoch, mi, lower, upper; sorted).

    A peak is the highest ``mi`` before a point whose upper end lies ``swing`` below that peak's
    lower end; a dip the other way round. Changes within the intervals are no turning points, and
    neither is the first row, as nothing is known before it.
    """
    mi, lower, upper = (rows[name].to_numpy() for name in ("mi", "lower", "upper"))
    epochs = rows["epoch"].to_numpy()
    turns: list[Turn] = []
    highest = lowest = start = 0
    rising = falling = True  # the direction is unknown until the first swing
    for now in range(len(rows)):
        highest = now if mi[now] > mi[highest] else highest
        lowest = now if mi[now] < mi[lowest] else lowest
        if rising and upper[now] < lower[highest] - swing:
            turns.append(Turn(highest, int(epochs[highest]), True))
            rising, falling, start = False, True, highest
        elif falling and lower[now] > upper[lowest] + swing:
            turns.append(Turn(lowest, int(epochs[lowest]), False))
            rising, falling, start = True, False, lowest
        else:
            continue
        window = slice(start, now + 1)
        highest = start + int(np.argmax(mi[window]))
        lowest = start + int(np.argmin(mi[window]))
    return [turn for turn in turns if turn.position > 0]


def spread_epochs(
    available: np.ndarray, count: int, keep: tuple[int, ...] | list[int] = ()
) -> list[int]:
    """``count`` of the ``available`` epochs: those to ``keep``, the last one, and others.

    The others best fill the gaps on a logarithmic axis.
    """
    position = np.log1p(np.asarray(available, dtype=float))
    chosen = sorted({*keep, int(available[-1])})
    while len(chosen) < min(count, len(available)):
        distance = np.abs(position[:, None] - np.log1p(np.array(chosen, dtype=float))).min(axis=1)
        chosen = sorted({*chosen, int(available[np.argmax(distance)])})
    return chosen
