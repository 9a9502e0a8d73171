"""Parts of messages: values, intervals, choices, durations, sizes, guesses at mistyped words."""

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from difflib import get_close_matches
from typing import Any

#: wrong words whose right word is spelled quite differently
_MEANT = {"gpu": "cuda"}


def near_miss(word: str, known: Iterable[str]) -> str:
    """`` Did you mean …?`` with a leading space, or nothing where no known word is close."""
    known = list(known)
    if _MEANT.get(word) in known:
        return f" Did you mean {_MEANT[word]}?"
    # the right key in a wrong group (measure.beta) is as likely as a slip of the finger
    last = word.rpartition(".")[2]
    close = get_close_matches(word, known, n=1, cutoff=0.6) or [
        key for key in known if key.rpartition(".")[2] == last
    ]
    return f" Did you mean {close[0]}?" if close else ""


def counted(count: int, what: str) -> str:
    """``1 epoch``, ``2 epochs``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def interval_text(lower: float, upper: float, digits: int) -> str:
    """``[1.23, 1.46]``: both ends with ``digits`` decimals, rounded away from each other.

    Digits after the tenth are taken for rounding errors. So what is said holds wherever the
    interval holds.
    """
    step = Decimal(1).scaleb(-digits)
    ends = ((lower, ROUND_FLOOR), (upper, ROUND_CEILING))
    low, high = (
        str(Decimal(f"{end:.10g}").quantize(step, rounding) + 0) if math.isfinite(end) else str(end)
        for end, rounding in ends
    )
    return f"[{low}, {high}]"


def ends_text(lower: float, upper: float, digits: int) -> tuple[str, str]:
    """Both ends with ``digits`` significant digits, rounded away from each other.

    As in :func:`interval_text`, digits after the tenth are taken for rounding errors.
    """
    low, high = (
        f"{float(Context(digits, rounding).create_decimal(f'{end:.10g}')):.{digits}g}"
        for end, rounding in ((lower, ROUND_FLOOR), (upper, ROUND_CEILING))
    )
    return low, high


def one_of(values: Iterable[object]) -> str:
    """``a, b or c``."""
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def show(value: Any) -> str:
    """``value`` as it would be written in an override."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(show(one) for one in value)}]"
    return str(value)


def duration_text(seconds: float) -> str:
    """``seconds`` as a user reads a duration, such as ``12 min``."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{_two_digits(seconds / length)} {unit}"
    return f"{_two_digits(seconds)} s"


def _two_digits(value: float) -> str:
    """A forecast is worth no more digits than two."""
    return f"{value:.2g}" if value < 9.95 else f"{value:.0f}"


def size_text(size: float) -> str:
    """``size``, in bytes, as a user reads it, such as ``3 MB``."""
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"
