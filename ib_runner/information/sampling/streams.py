"""The names of all random streams: each is independent of every other, in every layer.

A stream's numbers are a function of (seed, name, input); ``stream`` in ``normal_numbers`` hashes
the three.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Stream(IntEnum):
    """The purpose of a set of draws. Numbers must never change: published values depend on them."""

    #: coupled: clouds A and B of the estimate and of the pilot, and the noise of the points
    CLOUD_A = 1
    CLOUD_B = 2
    PILOT_A = 3
    PILOT_B = 4
    POINTS = 5
    PILOT_POINTS = 6
    #: the paper's estimator: clouds, and the noise of the points
    PAPER_CLOUD = 7
    PAPER_POINTS = 8
    #: nearest neighbours: S and Z of the samples
    NEIGHBOURS_S = 15
    NEIGHBOURS_Z = 16
    #: paths: the guess; inputs and points of the pilot, of b, and of what paths change
    GUESS = 17
    PATHS_PILOT_INPUTS = 18
    PATHS_PILOT = 19
    PATHS_BASE_INPUTS = 20
    PATHS_BASE = 21
    PATHS_INPUTS = 22
    PATHS = 23
    #: all methods: how far S goes
    EXTENT = 24

    def of_layer(self, number: int) -> int:
        """The name of this stream for layer ``number``, < 2³²: no two pairs share one."""
        return (int(self) << 32) | number


def generator(seed: int, name: Stream, layer: int) -> np.random.Generator:
    """One generator for all inputs, in their order: that of the stream ``name`` of ``layer``."""
    return np.random.default_rng([seed, int(name), layer])
