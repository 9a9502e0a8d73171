"""The names of all random streams: each is independent of every other, in every layer.

A stream's numbers are a function of (seed, name, input); ``stream`` in ``normal_numbers`` hashes
the three.
"""

from enum import IntEnum, unique


@unique
class Stream(IntEnum):
    """What a set of draws is for. A number, once given, stays: it decides published values."""

    #: coupled: clouds A and B of the estimate and of the pilot, and the noise of the points
    CLOUD_A = 1
    CLOUD_B = 2
    PILOT_A = 3
    PILOT_B = 4
    POINTS = 5
    PILOT_POINTS = 6
    #: the paper's estimator: clouds, and the noise of the points for h(T) and for h(T|X)
    PAPER_CLOUD = 7
    PAPER_POINTS = 8
    PAPER_OWN_POINTS = 9
    #: layers of many units: means, and S and Z of the points
    MEANS = 10
    MANY_UNITS_S = 11
    MANY_UNITS_Z = 12
    MANY_UNITS_PILOT_S = 13
    MANY_UNITS_PILOT_Z = 14
    #: nearest neighbours: S and Z of the samples
    NEIGHBOURS_S = 15
    NEIGHBOURS_Z = 16

    def of_layer(self, number: int) -> int:
        """The name of this stream for layer ``number``, < 2³²: no two pairs share one."""
        return (int(self) << 32) | number
