"""Names shared out between this process and others."""

import gc
import os
import time
from functools import partial
from pathlib import Path

import pytest

from ib_runner.errors import UsageError
from ib_runner.stages.worker import helpers, imported, shared_out

NAMES = [f"figure {k}" for k in range(6)]


def note(folder, name):
    """Leave a file that says which process did ``name``, and take some time."""
    (Path(folder) / name).write_text(str(os.getpid()))
    time.sleep(0.2)


def refuse(name):
    raise UsageError(f"{name}: refused")


def die(folder, name):
    os._exit(9)


def done_by(folder):
    """The process that did each name."""
    return {path.name: int(path.read_text()) for path in folder.iterdir()}


def test_one_process_does_all_in_order(tmp_path):
    with helpers(0, "json") as pool:
        assert list(shared_out(NAMES, partial(note, tmp_path), refuse, pool)) == NAMES
    assert set(done_by(tmp_path).values()) == {os.getpid()}


@pytest.mark.slow
def test_two_processes_share_the_work_and_each_name_is_done_once(tmp_path):
    with helpers(1, "json") as pool:
        pool.submit(os.getpid).result()  # it has started
        found = list(shared_out(NAMES, partial(note, tmp_path), partial(note, tmp_path), pool))
    assert sorted(found) == NAMES
    assert set(done_by(tmp_path)) == set(NAMES)
    assert len(set(done_by(tmp_path).values())) == 2


@pytest.mark.slow
def test_what_a_worker_raises_is_raised(tmp_path):
    with pytest.raises(UsageError, match="figure 0: refused"), helpers(1, "json") as pool:
        list(shared_out(NAMES, partial(note, tmp_path), refuse, pool))


@pytest.mark.slow
def test_what_a_dead_worker_leaves_is_done_here(tmp_path):
    with helpers(1, "json") as pool:
        found = list(shared_out(NAMES, partial(note, tmp_path), partial(die, tmp_path), pool))
    assert sorted(found) == NAMES
    assert done_by(tmp_path) == dict.fromkeys(NAMES, os.getpid())


def test_the_garbage_collector_rests_while_a_module_is_imported(tmp_path, monkeypatch):
    (tmp_path / "says_whether.py").write_text("import gc\nENABLED = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    imported("says_whether")
    import says_whether

    assert not says_whether.ENABLED
    assert gc.isenabled()
