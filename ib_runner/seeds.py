"""Where random numbers come from: every stream is a function of the run's seed and a purpose."""

import zlib

import numpy as np


def stream_seed(seed: int, purpose: str, epoch: int | None = None) -> int:
    """A seed below 2^63 for ``purpose`` ("noise", "order", …), in ``epoch`` if it has one."""
    words = [seed, *([] if epoch is None else [epoch]), zlib.crc32(purpose.encode())]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
