"""One writer a run: an advisory lock that names its holder and ends with its process."""

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
#: tries, and seconds between them: a process that checks for a lock holds it for a moment itself
_TRIES, _WAIT = 5, 0.03
#: device numbers of the file systems whose lack of locks has been logged
_said: set[int] = set()


@contextmanager
def hold(folder: Path, doing: str = "") -> Iterator[None]:
    """Hold the lock of ``folder``; it is released by the system when the process ends, however.

    On a file system without locks a claim takes its place, see ``claims``. ``doing`` is the stage
    that holds it. Raises ``RunInUseError`` naming host and process of the holder.
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
            # another machine may see this file system without its locks
            if (other := living(folder)) is not None:
                raise _in_use(folder, other)
            with suppress(OSError):  # on a full disk the lock holds, but names nobody
                os.ftruncate(descriptor, 0)
                os.write(descriptor, json.dumps(asdict(me)).encode())
                held.callback(_empty, descriptor)
        yield


def holder(folder: Path) -> Holder | None:
    """The living process that holds ``folder``; None where nobody does.

    A lock that may not be opened counts as held, by somebody unnamed.
    """
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        return Holder()
    except OSError:  # there is none, or a link, which nobody can hold
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
    """A descriptor of the lock file, which is made if need be; nothing is buffered."""
    if path.is_symlink():
        raise _no_file(path)
    try:
        # opening refuses a link that was put at this path meanwhile, and does not wait for a pipe's
        # other end
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
