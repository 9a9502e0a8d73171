"""What the work of a stage takes: for ``--dry-run``, and for a word before it begins."""

from collections.abc import Iterable
from dataclasses import dataclass

from ib_runner.wording import duration_text

#: seconds; work that will take longer is announced before it begins
LONG_SECONDS = 60.0


@dataclass(frozen=True)
class Cost:
    """What is to do, in words, and what it takes: seconds, and bytes on disk.

    ``long``: why it takes long where it does, and the setting that avoids it.
    """

    text: str
    seconds: float = 0.0
    size: float = 0.0
    long: str = ""

    def warning(self, name: str, times: int = 1) -> str | None:
        """What to say before stage ``name`` does it so many ``times``; None for what is short."""
        if self.seconds * times <= LONG_SECONDS:
            return None
        each = f" ({times} runs, {duration_text(self.seconds)} each)" if times > 1 else ""
        why = f": {self.long}" if self.long else ""
        return f"{name} will take about {duration_text(self.seconds * times)}{each}{why}"


def together(costs: Iterable[Cost], text: str = "") -> Cost:
    """All ``costs``, one after the other, described by ``text``."""
    costs = list(costs)
    return Cost(text, sum(one.seconds for one in costs), sum(one.size for one in costs))
