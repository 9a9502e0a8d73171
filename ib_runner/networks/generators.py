"""The global generators of random numbers that a network may draw from: torch's, NumPy's, Python's.

Those that a network has of its own are not seen.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch


class States(NamedTuple):
    """What the generators would give next; equal where nothing was drawn in between."""

    of_torch: bytes
    of_numpy: tuple
    of_python: tuple


def states() -> States:
    """The states in which the generators are."""
    kind, key, *place = np.random.get_state()  # noqa: NPY002 - networks of others draw from it
    return States(
        torch.get_rng_state().numpy().tobytes(), (kind, key.tobytes(), *place), random.getstate()
    )


def draw_as(then: States) -> None:
    """torch gives what it would have given ``then``."""
    torch.set_rng_state(torch.frombuffer(bytearray(then.of_torch), dtype=torch.uint8))


@contextmanager
def left_alone() -> Iterator[None]:
    """All of them are afterwards as they were before, those of accelerators as they then are."""
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)
