"""Kernels that several processes need at once are compiled by one of them."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import numba
import pytest

from ib_runner import compiled, compiled_once
from ib_runner.compiled_once import Turn

#: compiles a kernel as soon as there is a file "go", for a second at least; prints its cache hits
PROGRAM = """
import sys, time
from pathlib import Path
from numba.core import event
from kernels import scaled

class Slow(event.Listener):
    def on_start(self, event): time.sleep(1.0)
    def on_end(self, event): pass

event.register("numba:compile", Slow())
folder = Path(sys.argv[1])
(folder / f"ready-{sys.argv[2]}").touch()
while not (folder / "go").exists():
    time.sleep(0.01)
assert scaled(1.5) == 3.0 and scaled(3) == 6
print(sum(scaled.stats.cache_hits.values()), sum(scaled.stats.cache_misses.values()))
"""
KERNEL = """
from ib_runner.compiled import njit

@njit()
def scaled(x):
    return 2 * x
"""
HOLDER = """
import sys, time
from ib_runner.compiled_once import Turn
turn = Turn()
turn.take(sys.argv[1])
print("held", flush=True)
time.sleep(600)
"""


def _unlike(x):
    return x + "text"


@pytest.fixture
def holder(tmp_path):
    """Another process that has the turn of the file ``lock``, and does not end it."""
    held = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "lock"], stdout=subprocess.PIPE
    )
    assert held.stdout.readline() == b"held\n"
    yield held
    held.kill()
    held.wait()
    held.stdout.close()


def is_free(path):
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


def test_processes_that_need_a_kernel_at_once_compile_it_once(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNEL)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, tmp_path, str(number)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    while len(list(tmp_path.glob("ready-*"))) < 3:
        assert all(one.poll() is None for one in processes)
        time.sleep(0.05)
    (tmp_path / "go").touch()
    counts = [list(map(int, one.communicate()[0].split())) for one in processes]
    hits, misses = map(sum, zip(*counts, strict=True))
    assert (hits, misses) == (4, 2)  # two signatures, three processes


def test_the_turn_of_a_process_that_is_killed_ends(holder, tmp_path):
    path = tmp_path / "lock"
    assert not is_free(path)
    holder.send_signal(signal.SIGKILL)
    turn, started = Turn(), time.monotonic()
    turn.take(str(path))
    assert not is_free(path)
    assert time.monotonic() - started < compiled_once.PATIENCE / 2
    turn.end()
    assert is_free(path)


def test_who_waits_too_long_goes_on_without_the_turn(holder, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_once, "PATIENCE", 0.2)
    turn = Turn()
    turn.take(str(tmp_path / "lock"))
    turn.end()
    assert not is_free(tmp_path / "lock")  # the other process has it still


@pytest.mark.parametrize("path", ["no/such/folder/lock", "link"])
def test_without_a_file_to_lock_nothing_is_waited_for(path, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    turn = Turn()
    turn.take(str(tmp_path / path))
    turn.end()
    assert not (tmp_path / "elsewhere").exists()


def test_a_compilation_that_fails_ends_the_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    kernel = compiled.njit()(_unlike)
    with pytest.raises(numba.TypingError):
        kernel(1)
    (path,) = tmp_path.rglob("*.lock")
    assert is_free(path)
