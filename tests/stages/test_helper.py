"""Names shared out between this process and others."""

import gc
import os
import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest
from lent import note, refuse

from ib_runner.errors import UsageError
from ib_runner.stages.helper import Helper, helpers, imported, shared_out

NAMES = [f"figure {k}" for k in range(6)]


@pytest.fixture
def other():
    with helpers(1, "json") as others:
        yield others[0]


def done_by(folder):
    """The process that did each name."""
    return {path.name: int(path.read_text()) for path in folder.iterdir()}


def test_one_process_does_all_in_order(tmp_path):
    with helpers(0, "json") as others:
        assert list(shared_out(NAMES, partial(note, tmp_path), (), others)) == NAMES
    assert set(done_by(tmp_path).values()) == {os.getpid()}


def test_two_processes_share_the_work_and_each_name_is_done_once(tmp_path, other):
    assert other.call("os:getpid")  # it has started
    there = "lent:note", str(tmp_path)
    found = list(shared_out(NAMES, partial(note, tmp_path), there, [other]))
    assert sorted(found) == NAMES
    assert set(done_by(tmp_path)) == set(NAMES)
    assert len(set(done_by(tmp_path).values())) == 2


def test_what_a_call_raises_is_raised_and_the_others_go_on_with_the_next_work(tmp_path, other):
    assert other.call("os:getpid")
    with pytest.raises(UsageError, match=r"figure \d: refused"):
        list(shared_out(NAMES, refuse, ("lent:note", str(tmp_path)), [other]))
    with pytest.raises(UsageError, match=r"figure \d: refused"):
        list(shared_out(NAMES, refuse, ("lent:refuse",), [other]))
    time.sleep(0.5)
    assert len(done_by(tmp_path)) <= 2  # begun before the error
    other.begin("time:sleep", 0.0)
    assert other.call("os:getpid")


def test_what_fails_elsewhere_is_tried_here(tmp_path, other):
    there = "lent:refuse_elsewhere", str(tmp_path), os.getpid()
    assert sorted(shared_out(NAMES, partial(note, tmp_path), there, [other])) == NAMES
    assert done_by(tmp_path) == dict.fromkeys(NAMES, os.getpid())


def test_what_a_dead_process_leaves_is_done_here(tmp_path, other):
    there = "lent:die", str(tmp_path)
    assert sorted(shared_out(NAMES, partial(note, tmp_path), there, [other])) == NAMES
    assert done_by(tmp_path) == dict.fromkeys(NAMES, os.getpid())
    assert not other.call("os:getpid")


def test_what_a_call_prints_is_no_answer_and_goes_to_standard_error(capfd):
    with helpers(1, "json") as others:  # while pytest listens to both
        assert others[0].call("lent:talk", "ℓ", [1.5, None])
        assert not others[0].call("lent:refuse", "figure")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "[1, true]\n('ℓ', [1.5, None])\n"


def test_ctrl_c_is_for_the_process_that_was_started_by_the_user(other):
    assert other.call("os:getpid")
    os.kill(other._process.pid, signal.SIGINT)
    time.sleep(0.1)
    assert other.call("os:getpid")


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def has_ended(pid: int) -> bool:
    """Whether there is no such process, or one that its parent, by now another, has yet to reap."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_they_end_with_the_block_in_the_midst_of_a_call(tmp_path):
    path = tmp_path / "pid"
    with helpers(1, "json") as others:
        others[0].begin("lent:end_later", str(path))
        wait_until(lambda: path.exists() and path.read_text())
    assert not psutil.pid_exists(int(path.read_text()))


def test_they_end_with_a_killed_process_in_the_midst_of_a_call(tmp_path):
    path = tmp_path / "pid"
    words = (
        f"import sys, time; sys.path[:] = {sys.path!r}\n"
        "from ib_runner.stages.helper import Helper\n"
        f"Helper('json').begin('lent:end_later', {str(path)!r}); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", words]) as parent:
        wait_until(lambda: path.exists() and path.read_text())
        parent.kill()
    wait_until(lambda: has_ended(int(path.read_text())))


def test_where_none_can_be_started_there_is_none(monkeypatch):
    for executable in ("", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", executable)
        with helpers(2, "json") as others:
            assert others == []


def test_a_module_that_cannot_be_imported_fails_the_calls_of_it(tmp_path):
    with helpers(1, "no_such_module") as others:
        assert not others[0].call("no_such_module:draw")
        assert others[0].call("os:getpid")


def test_the_garbage_collector_rests_elsewhere(other):
    assert other.call("lent:check_that_it_rests")


def test_the_garbage_collector_rests_while_a_module_is_imported(tmp_path, monkeypatch):
    (tmp_path / "says_whether.py").write_text("import gc\nENABLED = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    imported("says_whether")
    import says_whether

    assert not says_whether.ENABLED
    assert gc.isenabled()


def test_a_helper_is_one_process_and_no_more(other):
    assert isinstance(other, Helper)
    assert other.call("os:getpid")
    assert psutil.Process(other._process.pid).children() == []
