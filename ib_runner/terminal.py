"""Output on any terminal: a character that it lacks is replaced, and never fails a command."""

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: name of the error handler, which Python looks up where a character cannot be encoded
HANDLER = "ib_runner.legible"
#: what we print outside ASCII, and how it reads without
SPELLED = {
    "–": "-", "—": "-", "−": "-", "≤": "<=", "≥": ">=", "≈": "~", "±": "+-", "…": "...", "·": "*",
    "×": "x", "→": "->", "’": "'", "“": '"', "”": '"', "√": "sqrt", "∞": "inf", "²": "^2", "ℓ": "l",
    "α": "alpha", "β": "beta", "γ": "gamma", "σ": "sigma", "ν": "nu", "Δ": "Delta",
}  # fmt: skip


def _legible(error: UnicodeError) -> tuple[str | bytes, int]:
    """A replacement for what stands at ``error.start``: spelled out, a raw byte, or escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name that is no text
        return bytes([ord(character) - 0xDC00]), error.start + 1
    if character in SPELLED:
        return SPELLED[character], error.start + 1
    escaped = character.encode("ascii", "backslashreplace").decode("ascii")
    return escaped, error.start + 1


@contextmanager
def legible_output() -> Iterator[None]:
    """Standard output and error replace, for the length of the block, what they cannot encode."""
    codecs.register_error(HANDLER, _legible)
    streams = [one for one in (sys.stdout, sys.stderr) if hasattr(one, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=HANDLER)
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            if not stream.closed:
                stream.reconfigure(errors=errors)
