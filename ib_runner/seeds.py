"""Seeds of random streams: each stream is a function of the run's seed, a purpose and an epoch."""

import zlib

import numpy as np


def stream_seed(seed: int, purpose: str, epoch: int | None = None) -> int:
    """The seed, below 2⁶³, of the stream for ``purpose`` ("noise", "order", …) in ``epoch``.

    ``epoch`` is None for a stream that is used once a run, such as that of the initial weights.
    """
    words = [seed, *([] if epoch is None else [epoch]), zlib.crc32(purpose.encode())]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
