"""Atomic writing: a file is written whole or not at all, even if the process is killed."""

import errno
import json
import os
import secrets
from pathlib import Path
from typing import Any

from ib_runner.errors import IbRunError

#: pattern of the temporary files, of which a killed process leaves at most one behind
TEMPORARY = ".*.tmp"

_REMEDIES = {
    errno.ENOSPC: "Make room on the disk, then run the same command again.",
    errno.EDQUOT: "Make room within your quota, then run the same command again.",
    errno.EACCES: "Give yourself write permission on the folder, or choose another output_root.",
    errno.EPERM: "Give yourself write permission on the folder, or choose another output_root.",
    errno.EROFS: "The file system is read-only: choose another output_root.",
    errno.ENOENT: "The folder is gone: was it moved or removed meanwhile?",
}


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that a reader finds the old contents or the new, never a part.

    Temporary file in the same folder, fsync, rename, fsync of the folder. Raises ``IbRunError``
    naming the file and the remedy where the system refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            _write_and_sync(temporary, data)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _refused(path, error) from error


def make_folder(path: str | Path) -> None:
    """Make folder ``path`` and those above it, where they are not there yet.

    Raises ``IbRunError`` naming the folder and the remedy where the system refuses.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(Path(path), error) from error


def remove_temporaries(folder: Path) -> None:
    """Remove killed processes' temporary files from ``folder``, to which nobody else may write."""
    for path in folder.glob(TEMPORARY):
        path.unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> IbRunError:
    remedy = _REMEDIES.get(error.errno, "Nothing was written; an older file of this name is kept.")
    return IbRunError(f"{path}: cannot be written ({error.strerror}).\n{remedy}")


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, as ``write_bytes`` does."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as indented JSON, as ``write_bytes`` does; raises ``ValueError`` for NaN."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write_and_sync(path: Path, data: bytes) -> None:
    # 0o666, which the umask restricts, as with Python's own open()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot fsync a folder
            raise
    finally:
        os.close(descriptor)
