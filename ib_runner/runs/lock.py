"""The lock of a run or sweep: one writer at a time, named in the lock file, freed when it ends."""

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from ib_runner.errors import IbRunError, RunInUseError
from ib_runner.runs.claims import Holder, claim, holder_from, living, this_process
from ib_runner.runs.log import logger

LOCK_NAME = ".lock"
#: number of tries, and seconds between them: checking for a lock means holding it for a moment
_TRIES, _WAIT = 5, 0.03
#: device numbers of file systems without locks that have been logged
_said: set[int] = set()


@contextmanager
def hold(folder: Path, doing: str = "") -> Iterator[None]:
    """Hold the lock of ``folder`` for the stage ``doing``.

    The system releases the lock when the process ends, even if killed. On a file system without
    locks a claim (``claims``) takes its place. Raises ``RunInUseError`` naming host and process of
    another holder.
    """
    descriptor = _open(folder / LOCK_NAME)
    me = this_process(doing)
    with ExitStack() as held:
        held.callback(_close, descriptor)
        try:
            _lock(descriptor)
        except BlockingIOError as error:
            raise _in_use(folder, _holder(descriptor)) from error
        except OSError as error:
            _say_once(folder, descriptor, error)
            held.enter_context(claim(folder, me))
        else:
            # another machine may have mounted this file system without locks, and use claims
            if (other := living(folder)) is not None:
                raise _in_use(folder, other)
            with suppress(OSError):  # on a full disk the lock is held, but its file names no holder
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(asdict(me)).encode())
                held.callback(_empty, descriptor)
        yield


def holder(folder: Path) -> Holder | None:
    """The living process that holds ``folder``; None where nobody does.

    A lock file that may not be opened counts as held, by a nameless holder.
    """
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        return Holder()
    except OSError:  # there is no lock file, or a link in its place, which nobody can hold
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    except OSError:
        pass
    finally:
        _close(descriptor)
    return living(folder)


def is_held(folder: Path) -> bool:
    """Whether a living process holds the lock of ``folder``."""
    return holder(folder) is not None


def _open(path: Path) -> int:
    """An unbuffered descriptor of the lock file, which is created where it is missing."""
    if path.is_symlink():
        raise _no_file(path)
    try:
        # O_NOFOLLOW refuses a link put at this path since the check above; O_NONBLOCK does not wait
        # for the other end of a pipe
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


def _lock(descriptor: int) -> None:
    for _ in range(_TRIES - 1):
        with suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_WAIT)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _empty(descriptor: int) -> None:
    with suppress(OSError):
        os.ftruncate(descriptor, 0)


def _close(descriptor: int) -> None:
    with suppress(OSError):
        os.close(descriptor)


def _no_file(path: Path) -> IbRunError:
    return IbRunError(f"{path}: a link or no regular file; the lock must be one.\nRemove it.")


def _in_use(folder: Path, other: Holder) -> RunInUseError:
    return RunInUseError(f"{folder}: in use by {other}; wait for it or stop it.")


def _say_once(folder: Path, descriptor: int, error: OSError) -> None:
    device = os.fstat(descriptor).st_dev
    if device not in _said:
        _said.add(device)
        logger.warning(
            "%s: this file system has no locks (%s); files %s keep other processes out instead",
            folder,
            error.strerror,
            ".claim-…",
        )


def _holder(descriptor: int) -> Holder:
    try:
        return holder_from(os.pread(descriptor, 1000, 0))
    except OSError:
        return Holder()
