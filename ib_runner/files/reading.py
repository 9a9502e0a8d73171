"""Reading files that may be untrusted, unreadable, or on a failing disk."""

import errno
import os
import stat
from pathlib import Path

from ib_runner.errors import DamagedFileError, IbRunError, UnreadableError

_REMEDIES = {
    errno.EACCES: "Ask its owner for the permission to read it.",
    errno.EPERM: "Ask its owner for the permission to read it.",
    errno.EIO: "The disk or the network fails: try again, or read a copy of the file.",
    errno.ESTALE: "The network file system lost the file: try again, or mount it again.",
    errno.ETIMEDOUT: "The network file system does not answer: try again.",
    errno.EMFILE: "Close some programs, or allow more open files (ulimit -n).",
    errno.ENFILE: "Close some programs: the machine has too many files open.",
}


def read_regular(path: Path, size: int | None = None) -> bytes:
    """The bytes of ``path``. Raises ``ValueError`` unless it is a regular file of ``size`` bytes.

    So a pipe cannot block this process, nor an endless device (``/dev/zero``) fill its memory.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("not a regular file")
        if size is not None and status.st_size != size:
            raise ValueError(f"{status.st_size} bytes instead of {size}")
        return file.read(status.st_size)


def unread(path: Path, error: Exception, remedy: str = "") -> IbRunError:
    """The error to raise where reading ``path`` raised ``error``.

    ``UnreadableError`` where the system refused to read, else ``DamagedFileError`` with ``remedy``.
    """
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        return UnreadableError(
            f"{path}: cannot be read ({error.strerror}).\n{_REMEDIES[error.errno]}"
        )
    reason = str(error).partition("\n")[0]
    return DamagedFileError(f"{path}: cannot be read ({reason}).\n{remedy}".rstrip())
