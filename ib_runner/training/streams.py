"""The random numbers of training: each epoch's are a function of (seed, epoch, purpose) alone."""

import zlib

import numpy as np


def stream_seed(seed: int, epoch: int, purpose: str) -> int:
    """A seed below 2^63 for ``purpose`` ("noise", "order") in ``epoch``."""
    words = [seed, epoch, zlib.crc32(purpose.encode())]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order, int64 [n], in which ``epoch`` goes through the training set."""
    return np.random.default_rng(stream_seed(seed, epoch, "order")).permutation(n)
