"""What the work of a stage takes, for ``--dry-run``."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What is to do, in words, and what it takes: seconds, and bytes on disk."""

    text: str
    seconds: float = 0.0
    size: float = 0.0


def together(costs: Iterable[Cost], text: str = "") -> Cost:
    """All ``costs``, one after the other, described by ``text``."""
    costs = list(costs)
    return Cost(text, sum(one.seconds for one in costs), sum(one.size for one in costs))


def duration_text(seconds: float) -> str:
    """``seconds`` for people."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


def size_text(size: float) -> str:
    """``size`` in bytes, for people."""
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"
