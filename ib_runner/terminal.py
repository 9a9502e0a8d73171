"""Output on any terminal: a character that its encoding lacks is replaced, never an error."""

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: name under which Python looks up our handler of characters that cannot be encoded
HANDLER = "ib_runner.legible"
#: the characters outside ASCII that ib-run prints, and their spelling in ASCII
SPELLED = {
    "–": "-", "—": "-", "−": "-", "≤": "<=", "≥": ">=", "≈": "~", "±": "+-", "…": "...", "·": "*",
    "×": "x", "→": "->", "’": "'", "“": '"', "”": '"', "√": "sqrt", "∞": "inf", "²": "^2", "ℓ": "l",
    "α": "alpha", "β": "beta", "γ": "gamma", "σ": "sigma", "ν": "nu", "Δ": "Delta",
}  # fmt: skip


def _legible(error: UnicodeError) -> tuple[str | bytes, int]:
    """The replacement for the character at ``error.start``, and the position to go on from.

    The replacement is ``SPELLED``, the raw byte of a file name, or a backslash escape.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":  # Python's stand-in for a file name's undecodable byte
        return bytes([ord(character) - 0xDC00]), error.start + 1
    if character in SPELLED:
        return SPELLED[character], error.start + 1
    escaped = character.encode("ascii", "backslashreplace").decode("ascii")
    return escaped, error.start + 1


@contextmanager
def legible_output() -> Iterator[None]:
    """Within the block, standard output and error replace characters that they cannot encode."""
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
