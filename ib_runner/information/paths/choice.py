"""The choice of the points that get paths: two-phase sampling, mainly points where b may be wrong.

ln p(t|x)/p(t) can exceed b = ln N + ln of the guessed posterior by at most the *room*, ln N − b.
Points are chosen independently, with chances that grow with the room, and the change by paths at a
chosen point is weighted by 1/chance, so that its mean is unbiased. A point where the guess fails
has a chance near 1, so that rare failures are seen. To reduce the variance, a straight line in the
room is subtracted from every change at the chosen points and added at all points; the line is
fitted to the pilot's points, and the mean is unbiased for any line.
"""

from dataclasses import dataclass

import numpy as np

#: the part of the chances that is the same for all points
EVEN = 0.65
#: variation of the room, in nats, below which the slope of a line is reduced
_HELD_BACK = 0.03


@dataclass(frozen=True)
class Line:
    """The change by paths as predicted from the room: ``level`` + ``slope`` · room, nats."""

    level: float
    slope: float

    def at(self, room: np.ndarray) -> np.ndarray:
        return self.level + self.slope * room

    @classmethod
    def fit(cls, room: np.ndarray, change: np.ndarray, density: np.ndarray) -> "Line":
        """The line with the least squared residuals, weighted for points drawn with ``density``."""
        weights = density**-2.0 / np.sum(density**-2.0)
        middle, mean = float(weights @ room), float(weights @ change)
        spread = weights @ np.square(room - middle) + _HELD_BACK**2
        slope = float(weights @ ((room - middle) * (change - mean)) / spread)
        return cls(mean - slope * middle, slope)

    @classmethod
    def fit_raised(cls, room: np.ndarray, change: np.ndarray, density: np.ndarray) -> "Line":
        """The best line among those nowhere below 0: residuals are then at most the room."""
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
    """``log_n`` is ln N, ``room`` the mean of ln N − b, ``share`` that of the points with paths."""

    log_n: float
    room: float
    share: float

    def room_at(self, base: np.ndarray) -> np.ndarray:
        """The room at points where b is ``base``, nats."""
        return np.maximum(self.log_n - base, 0.0)

    def density(self, base: np.ndarray) -> np.ndarray:
        """The chances of points where b is ``base``, divided by ``share``; their mean is 1."""
        return EVEN + (1.0 - EVEN) * self.room_at(base) / self.room

    def chances(self, base: np.ndarray) -> np.ndarray:
        """The chances with which points, where b is ``base``, get paths."""
        return np.minimum(1.0, self.share * self.density(base))

    @classmethod
    def of(cls, base: np.ndarray, n: int, share: float) -> "Choice":
        """The choice from b at the pilot's points, for ``n`` inputs."""
        log_n = float(np.log(n))
        return cls(log_n, max(log_n - float(base.mean()), 1e-6), share)
