"""One writer a run: an advisory lock that names its holder and ends with its process."""

import fcntl
import json
import os
import socket
import stat
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
    descriptor = _open(folder / LOCK_NAME)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunInUseError(
                f"{folder}: in use by {_holder(descriptor)}; wait for it or stop it."
            ) from error
        holder = {"host": socket.gethostname(), "pid": os.getpid()}
        with suppress(OSError):  # on a full disk the lock holds, but names nobody
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(holder).encode())
        yield
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _open(path: Path) -> int:
    """A descriptor of the lock file, which is made if need be; nothing is buffered."""
    if path.is_symlink():
        raise _no_file(path)
    try:
        # a link that was put there meanwhile is refused, and a pipe is not waited for
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        raise IbRunError(
            f"{path}: {error.strerror}.\nThe folder must be writable to work on the run."
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return descriptor


def _no_file(path: Path) -> IbRunError:
    return IbRunError(f"{path}: a link or no regular file; the lock must be one.\nRemove it.")


def is_held(folder: Path) -> bool:
    """Whether a living process holds the lock of ``folder``."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
