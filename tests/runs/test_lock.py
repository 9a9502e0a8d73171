"""The lock of a run: one holder, named, and gone with its process."""

import signal
import subprocess
import sys

import pytest

from ib_runner.errors import RunInUseError
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
