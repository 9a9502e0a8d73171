"""The global random generators that a network may draw from: torch's, NumPy's and Python's.

Generators that a network keeps itself are not covered.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch


class States(NamedTuple):
    """The states of the generators; two are equal where nothing was drawn in between."""

    of_torch: bytes
    of_numpy: tuple
    of_python: tuple


def states() -> States:
    """The present states of the generators."""
    kind, key, *place = np.random.get_state()  # noqa: NPY002 - networks of others draw from it
    return States(
        torch.get_rng_state().numpy().tobytes(), (kind, key.tobytes(), *place), random.getstate()
    )


def draw_as(then: States) -> None:
    """Set torch's generator to its state in ``then``, so that it draws the same numbers again."""
    torch.set_rng_state(torch.frombuffer(bytearray(then.of_torch), dtype=torch.uint8))


def seed_cpu(seed: int) -> None:
    """Seed torch's generator of the CPU alone.

    ``torch.manual_seed`` also notes the seed, with a traceback, for accelerators not yet in use.
    """
    torch.default_generator.manual_seed(seed)


@contextmanager
def left_alone() -> Iterator[None]:
    """Restore the generators after the block, except those of accelerators such as GPUs."""
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)
