"""One process at a time compiles a kernel; the others wait until it is kept, and load it.

Worker processes that begin together need the same kernels at the same moment. A turn also keeps
processes from writing a kernel's index at once, where one would overwrite what another added.
"""

import os
import time
from contextlib import suppress

try:
    import fcntl
except ImportError:  # no Unix: each process compiles for itself
    fcntl = None

#: seconds to wait for another process, about those of all kernels; and between two looks
PATIENCE, LOOK = 120.0, 0.05


class Turn:
    """The turn of this process to compile one kernel; the system ends it with the process."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def take(self, path: str) -> None:
        """Wait for the turn, ``PATIENCE`` seconds at most; ``path`` is the file that stands for it.

        Where the file cannot be had or locked, or the others take longer, nothing is waited for.
        """
        if fcntl is None or self._descriptor is not None:
            return
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
        except OSError:
            return
        try:
            if _locked(descriptor):
                self._descriptor = descriptor
        finally:
            if self._descriptor is None:
                os.close(descriptor)

    def end(self) -> None:
        """Let the next process have its turn."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # a process that was forked meanwhile has the lock as well
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(LOOK)
        except OSError:  # a file system without locks
            return False
