"""A SHA-256 inside the file that it is of: parquet's own checksums miss most flipped bits.

The digest stands in the file's metadata, as text, and is that of the file with zeros in its place.
Any reader of parquet can read a sealed file.
"""

import hashlib

KEY = "sha256"
LENGTH = 64
MARK = b"sha256="
#: what to write under ``KEY`` into the metadata of a file that will be sealed
BLANK = MARK.decode() + "0" * LENGTH


def sealed(data: bytes) -> bytes:
    """``data``, which holds ``BLANK``, with its digest filled in."""
    at = data.rindex(BLANK.encode()) + len(MARK)
    return data[:at] + _digest(data) + data[at + LENGTH :]


def is_whole(data: bytes) -> bool:
    """Whether ``data`` has the digest that it says; a file without one is believed."""
    at = data.rfind(MARK) + len(MARK)
    if at < len(MARK):
        return True
    found = data[at : at + LENGTH]
    return found == _digest(data[:at] + b"0" * LENGTH + data[at + LENGTH :])


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
