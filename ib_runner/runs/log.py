"""Log lines: to standard error without tearing progress bars, and into the run's folder."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

logger = logging.getLogger("ib_runner")


class _AboveTheBar(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


def log_to_terminal(level: int = logging.INFO) -> None:
    """Send the program's log lines to standard error, above any progress bar."""
    if not any(isinstance(handler, _AboveTheBar) for handler in logger.handlers):
        handler = _AboveTheBar()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


class _Quiet(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: losing a log line on a full disk is no error; losing a result raises its own."""


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write the log lines also to ``path``, with their time, for the length of the block."""
    handler = _Quiet(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()
