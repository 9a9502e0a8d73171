"""Resting Python's garbage collector where many objects are made that live on."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_rests() -> Iterator[None]:
    """Python's garbage collector rests for the length of the block, a tenth of whose time it takes.

    A figure is 10^5 objects that live until it is drawn; imported modules are 10^6 that stay.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def leave_out_what_is_there() -> None:
    """Have the collector never look at the objects that are there, the first time this is called.

    They are those of imported modules for the most part, which it would look at again and again.
    """
    if gc.get_freeze_count() == 0:
        gc.freeze()


def leave_to_a_full_collection() -> None:
    """Have the collector look at the objects that are there only when it next looks at all.

    Where many were made while it rested, it would else look at each of them twice before. Nothing
    changes where objects are left out for good: these would be looked at again.
    """
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()


def rest_to_the_end() -> None:
    """The collector rests until the process ends, which then gives all memory back at once."""
    gc.disable()
    atexit.register(gc.freeze)  # Python collects as it ends, whatever it was told
