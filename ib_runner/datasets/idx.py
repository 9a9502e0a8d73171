"""IDX files, the format MNIST comes in: a big-endian header, then one byte a value.

The header is two zero bytes, the type (8: unsigned bytes), the number of axes, and the length of
every axis in 32 bits. Every field is checked before it is used.
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ib_runner.errors import DamagedFileError
from ib_runner.files.reading import unread

UNSIGNED_BYTES = 8
#: the most bytes of values that a header may announce (MNIST's largest file has 47 MB)
MOST_BYTES = 2**28


def read_idx(path: Path, sha256: str | None = None) -> np.ndarray:
    """The array, uint8, of an IDX file, plain or (by its name) compressed with gzip.

    ``sha256`` is that of the uncompressed bytes, if they are to be checked. Raises
    ``DamagedFileError`` naming the file where it is not an IDX file, is shorter or longer than its
    header says, or has another SHA-256, and ``UnreadableError`` where the system refuses to read.
    """
    content = _uncompressed(path)
    array = _parsed(path, content)
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise DamagedFileError(
            f"{path}: not the published file, its contents have been altered\n"
            f"(SHA-256 of the uncompressed bytes {found[:16]}…, expected {sha256[:16]}…)."
        )
    return array


def _uncompressed(path: Path) -> bytes:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except EOFError as error:
        raise DamagedFileError(f"{path}: truncated, the compressed data end too early.") from error
    except (OSError, zlib.error) as error:
        raise unread(path, error) from error
    if len(content) > MOST_BYTES:
        raise DamagedFileError(f"{path}: more than {MOST_BYTES >> 20} MiB, no file of this kind.")
    return content


def _parsed(path: Path, content: bytes) -> np.ndarray:
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTES]) or not 1 <= content[3] <= 3:
        raise DamagedFileError(
            f"{path}: no IDX file of unsigned bytes "
            f"(it begins with {content[:4].hex() or 'nothing'})."
        )
    n_axes = content[3]
    start = 4 + 4 * n_axes
    if len(content) < start:
        raise DamagedFileError(f"{path}: truncated within its header.")
    shape = struct.unpack(f">{n_axes}I", content[4:start])
    promised, there = math.prod(shape), len(content) - start
    if there != promised:
        what = "truncated" if there < promised else "longer than it says"
        size = " × ".join(map(str, shape))
        raise DamagedFileError(f"{path}: {what}, {there} values where its header says {size}.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
