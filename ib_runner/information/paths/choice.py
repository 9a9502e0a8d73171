"""Which of the points for b get paths: two-phase sampling, those above all where b may be wrong.

b = ln N + ln of the guessed posterior says at every point how much more ln p(t|x)/p(t) can be: the
*room*, ln N − b. Points are chosen independently of each other with chances that grow with it, and
what paths change at a chosen point counts 1/chance times. The mean is that over all points, on
average, and nothing that is rare but visible in b is left to luck: a point where the guess is lost
has a chance near 1. Of every change a straight line in the room is subtracted first, and added at
all points; the line is the pilot's, and any line is right.
"""

from dataclasses import dataclass

import numpy as np

#: the part of the chances that is the same for all points
EVEN = 0.65
#: nats: where the room varies by less, a line's slope is held back
_HELD_BACK = 0.03


@dataclass(frozen=True)
class Line:
    """``level`` + ``slope`` · room: what paths change, as far as room tells, nats."""

    level: float
    slope: float

    def at(self, room: np.ndarray) -> np.ndarray:
        return self.level + self.slope * room

    @classmethod
    def fit(cls, room: np.ndarray, change: np.ndarray, density: np.ndarray) -> "Line":
        """The least squares of what is left over density, at points drawn with that density."""
        weights = density**-2.0 / np.sum(density**-2.0)
        middle, mean = float(weights @ room), float(weights @ change)
        spread = weights @ np.square(room - middle) + _HELD_BACK**2
        slope = float(weights @ ((room - middle) * (change - mean)) / spread)
        return cls(mean - slope * middle, slope)

    @classmethod
    def fit_raised(cls, room: np.ndarray, change: np.ndarray, density: np.ndarray) -> "Line":
        """The same among lines that are at least 0: what is left is then at most the room."""
        line, weights = cls.fit(room, change, density), density**-2.0
        if line.slope < 0:
            return cls(max(float(np.average(change, weights=weights)), 0.0), 0.0)
        if line.level < 0:
            square = weights @ np.square(room) + _HELD_BACK**2 * weights.sum()
            return cls(0.0, max(float(weights @ (room * change) / square), 0.0))
        return line


NO_CHANGE = Line(0.0, 0.0)


@dataclass(frozen=True)
class Choice:
    """``log_n``: ln N; ``room``: the mean of ln N − b; ``share`` of the points that get paths."""

    log_n: float
    room: float
    share: float

    def room_at(self, base: np.ndarray) -> np.ndarray:
        """How much more ln p(t|x)/p(t) can be than ``base``, nats."""
        return np.maximum(self.log_n - base, 0.0)

    def density(self, base: np.ndarray) -> np.ndarray:
        """Chances relative to ``share``; their mean is 1."""
        return EVEN + (1.0 - EVEN) * self.room_at(base) / self.room

    def chances(self, base: np.ndarray) -> np.ndarray:
        """With which each point gets paths, where b is ``base``."""
        return np.minimum(1.0, self.share * self.density(base))

    @classmethod
    def of(cls, base: np.ndarray, n: int, share: float) -> "Choice":
        """From b at a pilot's points, for ``n`` inputs."""
        log_n = float(np.log(n))
        return cls(log_n, max(log_n - float(base.mean()), 1e-6), share)
