"""The lock of a run: one holder, named, and gone with its process."""

import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from ib_runner.errors import IbRunError, RunInUseError
from ib_runner.runs.lock import hold, is_held

HOLDER = """
import sys, time
from pathlib import Path
from ib_runner.runs.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_refused_by_name_until_the_first_is_killed(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        try:
            assert holder.stdout.readline() == "held\n"
            assert is_held(tmp_path)
            named = pytest.raises(RunInUseError, match=f"process {holder.pid} on ")
            with named, hold(tmp_path):
                pass
        finally:
            holder.send_signal(signal.SIGKILL)
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_a_link_or_a_pipe_is_no_lock(tmp_path):
    other, folder = tmp_path / "other", tmp_path / "run"
    other.write_text("mine")
    folder.mkdir()
    for make in (lambda path: path.symlink_to(other), os.mkfifo):
        make(folder / ".lock")
        with pytest.raises(IbRunError, match=r"run/\.lock: a link[^\n]*\nRemove it"), hold(folder):
            pass
        assert not is_held(folder)
        (folder / ".lock").unlink()
    assert other.read_text() == "mine"


def test_on_a_full_disk_it_holds_and_hides_no_other_error(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    error, held = IbRunError("what matters"), False
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        with suppress(IbRunError), hold(tmp_path):
            held = is_held(tmp_path)
            raise error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert held
    assert (tmp_path / ".lock").read_bytes() == b""
    assert not is_held(tmp_path)
