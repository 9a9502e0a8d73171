"""Progress of long work: a bar on a terminal, a line every 30 seconds anywhere else."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

from ib_runner.wording import duration_text

#: seconds between two lines where there is no terminal
LINE_SECONDS = 30.0
#: seconds of work after the first unit before the remaining time is estimated
KNOWN_SECONDS = 2.0
#: columns and rows of a terminal that does not say how large it is
COLUMNS, ROWS = 80, 24
_shown: ContextVar[bool] = ContextVar("progress", default=True)


@contextmanager
def showing(shown: bool) -> Iterator[None]:
    """Show progress, or none at all, for the length of the block."""
    before = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(before)


class Pace:
    """The remaining time, estimated from all units but the first, which may include compiling."""

    def __init__(self, total: int, done: int):
        self.total = total
        self.n = done
        self._begun: tuple[float, int] | None = None

    def update(self, now: float, units: int = 1) -> None:
        """Count ``units`` more as finished, at time ``now`` (seconds of any clock)."""
        self.n += units
        if self._begun is None:
            self._begun = now, self.n

    def left(self, now: float) -> float | None:
        """Seconds left at time ``now``; None before ``KNOWN_SECONDS`` have passed."""
        if self._begun is None:
            return None
        since, first = self._begun
        if self.n in (first, self.total) or now - since < KNOWN_SECONDS:
            return None
        return (self.total - self.n) * (now - since) / (self.n - first)


class _Bar(tqdm):
    """tqdm's bar with the remaining time of ``Pace``, left out while that is unknown."""

    pace: Pace

    @property
    def format_dict(self) -> dict[str, Any]:
        left = self.pace.left(time.monotonic()) if hasattr(self, "pace") else None
        text = "" if left is None else f", {duration_text(left)} left"
        return {**super().format_dict, "left": text}


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):  # no terminal after all
        return 0


class Progress:
    """Shows how many of ``total`` units of work are finished; a context manager.

    ``what`` names the work ("measure"), ``unit`` one unit of it in the singular ("epoch"); ``done``
    units are finished at the start; ``doing`` is shown until the first ``update``.
    """

    def __init__(self, total: int, what: str, unit: str, done: int = 0, doing: str = ""):
        self._what, self._unit = what, unit
        self._pace = Pace(total, done)
        self._said = time.monotonic()
        self._bar: _Bar | None = None
        self._silent = not _shown.get()
        if sys.stderr.isatty() and not self._silent:
            self._bar = _Bar(
                total=total,
                initial=done,
                desc=what,
                unit=unit,
                postfix=doing or None,  # beside the bar from its first drawing
                file=sys.stderr,
                # a terminal may say that it has 0 columns and rows, where no bar would show
                **({"dynamic_ncols": True} if _columns() else {"ncols": COLUMNS, "nrows": ROWS}),
                bar_format="{desc} |{bar}| {n_fmt} of {total_fmt} {unit}s{left}{postfix}",
            )
            self._bar.pace = self._pace

    def doing(self, what: str) -> None:
        """Show ``what`` beside the bar, for work during which no unit is finished."""
        if self._bar is not None and what:
            self._bar.set_postfix_str(what)

    def update(self, note: str = "", units: int = 1) -> None:
        """Count ``units`` more as finished and show ``note`` behind the count."""
        now = time.monotonic()
        self._pace.update(now, units)
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(units)
        elif not self._silent and now - self._said > LINE_SECONDS:
            self._said = now
            print(self._line(now, note), file=sys.stderr, flush=True)

    def _line(self, now: float, note: str) -> str:
        left = self._pace.left(now)
        parts = [f"{self._what}: {self._pace.n} of {self._pace.total} {self._unit}s"]
        parts += [f"{duration_text(left)} left"] if left is not None else []
        return ", ".join([*parts, note] if note else parts)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
