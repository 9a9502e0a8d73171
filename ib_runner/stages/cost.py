"""The cost of a stage's work: for ``--dry-run``, and for the notice before long work."""

from collections.abc import Iterable
from dataclasses import dataclass

from ib_runner.wording import duration_text

#: seconds; work that will take longer is announced before it begins
LONG_SECONDS = 60.0


@dataclass(frozen=True)
class Cost:
    """The work in words (``text``), its time in ``seconds`` and its ``size`` on disk in bytes.

    ``long`` says why the work takes long, and which setting shortens it.
    """

    text: str
    seconds: float = 0.0
    size: float = 0.0
    long: str = ""

    def warning(self, name: str, times: int = 1) -> str | None:
        """The notice before stage ``name`` does this work ``times`` times; None for short work."""
        if self.seconds * times <= LONG_SECONDS:
            return None
        each = f" ({times} runs, {duration_text(self.seconds)} each)" if times > 1 else ""
        why = f": {self.long}" if self.long else ""
        return f"{name} will take about {duration_text(self.seconds * times)}{each}{why}"


def together(costs: Iterable[Cost], text: str = "") -> Cost:
    """The sum of ``costs``, described by ``text``."""
    costs = list(costs)
    return Cost(text, sum(one.seconds for one in costs), sum(one.size for one in costs))
