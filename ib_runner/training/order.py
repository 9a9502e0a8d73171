"""The random order in which an epoch goes through the training set."""

import numpy as np

from ib_runner.seeds import stream_seed


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order, int64 [n], of ``epoch``: a function of (seed, epoch) alone."""
    return np.random.default_rng(stream_seed(seed, "order", epoch)).permutation(n)
