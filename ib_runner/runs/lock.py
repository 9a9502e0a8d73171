"""One writer a run: an advisory lock that names its holder and ends with its process."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ib_runner.errors import IbRunError, RunInUseError

LOCK_NAME = ".lock"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold the lock of ``folder``; it is released by the system when the process ends, however.

    Raises ``RunInUseError`` naming host and process of the holder.
    """
    path = folder / LOCK_NAME
    try:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - closed below, lock and all
    except OSError as error:
        raise IbRunError(
            f"{path}: {error.strerror}.\nThe folder must be writable to work on the run."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunInUseError(
                f"{folder}: in use by {_holder(path)}; wait for it or stop it."
            ) from error
        with suppress(OSError):  # on a full disk the lock holds, but names nobody
            file.truncate(0)
            json.dump({"host": socket.gethostname(), "pid": os.getpid()}, file)
            file.flush()
        yield
        with suppress(OSError):
            file.truncate(0)


def is_held(folder: Path) -> bool:
    """Whether a living process holds the lock of ``folder``."""
    try:
        file = open(folder / LOCK_NAME, encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
