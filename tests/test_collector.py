"""The garbage collector rests, and is then as it was."""

import gc
import subprocess
import sys
import weakref

import pytest

from ib_runner.collector import (
    collector_rests,
    leave_out_what_is_there,
    leave_to_a_full_collection,
)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_rests_and_then_is_as_before(enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        with collector_rests():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_what_is_there_is_left_out_once():
    gc.unfreeze()
    try:
        leave_out_what_is_there()
        left_out = gc.get_freeze_count()
        assert left_out > 10_000
        kept = [[] for _ in range(1000)]
        leave_out_what_is_there()
        assert gc.get_freeze_count() <= left_out
        assert len(kept) == 1000
    finally:
        gc.unfreeze()


class Cycle:
    """What only the collector can free."""

    def __init__(self):
        self.itself = self


def test_garbage_is_left_to_a_full_collection():
    gc.unfreeze()
    with collector_rests():
        left, young = weakref.ref(Cycle()), None
        leave_to_a_full_collection()
        young = weakref.ref(Cycle())
        gc.collect(0)
        assert left() is not None
        assert young() is None
        gc.collect()
        assert left() is None


def test_what_is_left_out_for_good_stays_so():
    gc.unfreeze()
    try:
        leave_out_what_is_there()
        left_out = gc.get_freeze_count()
        leave_to_a_full_collection()
        assert gc.get_freeze_count() == left_out
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("rests", [True, False])
def test_what_nobody_needs_is_not_looked_for_at_the_end(rests):
    words = (
        "from ib_runner.collector import rest_to_the_end\n"
        "class Cycle:\n"
        "    def __init__(self): self.itself = self\n"
        "    def __del__(self): print('collected')\n"
        "Cycle()\n"
        f"if {rests}: rest_to_the_end()\n"
        "print([[k] for k in range(3000)][-1])"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert ("collected" in done.stdout) != rests
