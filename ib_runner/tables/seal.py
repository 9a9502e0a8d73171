"""A SHA-256 of a table's file inside the file, as parquet's own checksums miss most flipped bits.

The file's metadata has the digest as text, computed with zeros in the place of the digest. Any
parquet reader can read such a sealed file.
"""

import hashlib

KEY = "sha256"
LENGTH = 64
MARK = b"sha256="
#: the metadata to write under ``KEY`` before a file is sealed
BLANK = MARK.decode() + "0" * LENGTH


def sealed(data: bytes) -> bytes:
    """``data``, which contains ``BLANK``, with its digest in place of the zeros."""
    at = data.rindex(BLANK.encode()) + len(MARK)
    return data[:at] + _digest(data) + data[at + LENGTH :]


def is_whole(data: bytes) -> bool:
    """Whether ``data`` has the digest that it contains; True for a file without a digest."""
    at = data.rfind(MARK) + len(MARK)
    if at < len(MARK):
        return True
    found = data[at : at + LENGTH]
    return found == _digest(data[:at] + b"0" * LENGTH + data[at + LENGTH :])


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
