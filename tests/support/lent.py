"""What the tests of ``stages.helper`` have another process do."""

import gc
import os
import time
from pathlib import Path

from ib_runner.errors import UsageError


def note(folder, name):
    """Leave a file that says which process did ``name``, and take some time."""
    (Path(folder) / name).write_text(str(os.getpid()))
    time.sleep(0.2)


def refuse(name):
    raise UsageError(f"{name}: refused")


def refuse_elsewhere(folder, pid, name):
    if os.getpid() != pid:
        refuse(name)
    note(folder, name)


def die(folder, name):
    os._exit(9)


def talk(*arguments):
    print("[1, true]")
    print(arguments)


def end_later(path):
    """Leave the number of this process, which then takes longer than any test."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


def check_that_it_rests():
    assert not gc.isenabled()
    assert gc.get_freeze_count()
