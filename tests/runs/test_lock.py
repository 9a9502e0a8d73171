"""The lock of a run has one holder, names it, and ends with its process, on any file system."""

import errno
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from without_flock import refuse_flock

from ib_runner.errors import IbRunError, RunInUseError
from ib_runner.runs import claims, lock
from ib_runner.runs.claims import this_process
from ib_runner.runs.lock import hold, holder, is_held

#: what file systems without flock answer; None: one that has it
ANSWERS = [None, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EINVAL]
SUPPORT = Path(__file__).parents[1] / "support"
HOLDER = """
import sys, time
from pathlib import Path
from without_flock import refuse_flock
from ib_runner.runs.lock import hold
refuse_flock(int(sys.argv[2]))
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=ANSWERS, ids=lambda code: errno.errorcode.get(code, "flock"))
def answer(request, monkeypatch):
    """The file system's answer to flock, in this process; 0 where it locks."""
    monkeypatch.setattr(fcntl, "flock", fcntl.flock)  # put back at the end
    refuse_flock(request.param or 0)
    return request.param or 0


def test_a_second_holder_is_refused_by_name_until_the_first_is_killed(tmp_path, answer):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(answer)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
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


def test_without_locks_nothing_is_left_and_it_is_said_once(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(lock.logger, "warning", lambda text, *args: said.append(text % args))
    monkeypatch.setattr(fcntl, "flock", fcntl.flock)
    monkeypatch.setattr(lock, "_said", set())
    refuse_flock(errno.ENOLCK)
    for name in ("a", "b", "a"):
        (tmp_path / name).mkdir(exist_ok=True)
        with hold(tmp_path / name, "train"):
            assert holder(tmp_path / name).doing == "train"
            with pytest.raises(RunInUseError, match="in use by process"), hold(tmp_path / name):
                pass
            assert is_held(tmp_path / name)
        assert [path.name for path in (tmp_path / name).iterdir()] == [".lock"]
        assert not is_held(tmp_path / name)
    assert said == [
        f"{tmp_path}/a: this file system has no locks (No locks available); files .claim-… keep "
        "other processes out instead"
    ]


def test_of_two_that_claim_at_once_one_at_most_goes_on(tmp_path, monkeypatch):
    """The other comes between a claim's writing and its look for others."""
    looked = claims.living
    came = []

    def look(folder, **kwargs):
        if not came:
            came.append(True)
            with suppress(RunInUseError), claims.claim(folder, this_process()):
                came.append("the other goes on")
        return looked(folder, **kwargs)

    monkeypatch.setattr(claims, "living", look)
    with claims.claim(tmp_path, this_process()):
        came.append("this one goes on")
    assert came == [True, "this one goes on"]


def elsewhere(**fields):
    mine = {"host": "node7", "pid": os.getpid(), "machine": "node7 boot", "born": "1"}
    return json.dumps({**mine, **fields})


def test_a_claim_of_another_machine_holds_while_it_is_touched(tmp_path):
    path = tmp_path / ".claim-1"
    path.write_text(elsewhere())
    (tmp_path / ".lock").touch()
    with pytest.raises(RunInUseError, match=rf"process {os.getpid()} on node7"), hold(tmp_path):
        pass
    assert is_held(tmp_path)
    long_ago = time.time() - claims.PATIENCE - 60
    os.utime(path, (long_ago, long_ago))
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert not path.exists()


def test_a_holder_touches_its_claim(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.01)
    with claims.claim(tmp_path, this_process()):
        (path,) = tmp_path.glob(claims.CLAIM)
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 30
        while path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert time.time() - path.stat().st_mtime < 60


@pytest.mark.parametrize(
    ("change", "lives"),
    [
        ({}, True),
        ({"born": "1"}, False),  # another process has the number now
        ({"pid": 2**22 + 1}, False),
        ({"pid": 10**30}, False),
    ],
)
def test_on_this_machine_the_system_knows_who_lives(tmp_path, change, lives):
    mine = json.loads(json.dumps(this_process().__dict__)) | change
    (tmp_path / ".claim-1").write_text(json.dumps(mine))
    (tmp_path / ".lock").touch()
    os.utime(tmp_path / ".claim-1", (0, 0))  # its age does not matter
    assert (claims.living(tmp_path) is not None) == lives


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"host": "a"}', "[" * 100_000])
def test_a_claim_that_says_nothing_holds_by_its_age(tmp_path, content):
    path = tmp_path / ".claim-1"
    path.write_text(content)
    assert str(claims.living(tmp_path)) == "another process"
    os.utime(path, (0, 0))
    assert claims.living(tmp_path) is None
    assert not path.exists()


def test_a_lock_that_may_not_be_opened_counts_as_held(tmp_path, monkeypatch):
    with hold(tmp_path):
        pass
    opened = os.open

    def refuse(path, *args, **kwargs):
        if str(path).endswith(".lock"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *args, **kwargs)

    assert not is_held(tmp_path)
    monkeypatch.setattr(os, "open", refuse)
    assert is_held(tmp_path)
    assert str(holder(tmp_path)) == "another process"


def test_who_only_looks_keeps_nobody_out(tmp_path):
    with hold(tmp_path):
        pass
    with ExitStack() as looking, open(tmp_path / ".lock") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        pause = time.sleep

        def end_of_the_look(seconds):
            fcntl.flock(file, fcntl.LOCK_UN)
            pause(seconds)

        looking.enter_context(pytest.MonkeyPatch.context()).setattr(time, "sleep", end_of_the_look)
        with hold(tmp_path):
            assert is_held(tmp_path)
