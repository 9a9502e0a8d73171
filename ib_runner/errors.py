"""The exceptions of ib-run, each with the exit status of a command that it ends."""

from collections.abc import Iterator
from contextlib import contextmanager


class IbRunError(Exception):
    """A command failed while running: exit status 1. The message has one to three lines."""

    exit_status = 1


class UsageError(IbRunError):
    """The command line, a configuration value or a missing path is wrong: exit status 2.

    Raised before any work starts and before any folder exists.
    """

    exit_status = 2


class UnmeasurableError(UsageError, ValueError):
    """A network or data set that cannot be measured correctly; raised before any work."""


class UnresolvedError(IbRunError, ArithmeticError):
    """A value too small for floating-point numbers to resolve; raised while estimating."""


class TooMuchWorkError(IbRunError, ValueError):
    """A value whose computation would take too much time or memory; raised before computing."""


class DamagedFileError(IbRunError):
    """A file is truncated, altered or not what its name says."""


class UnreadableError(IbRunError):
    """A file that may be undamaged cannot be read: no permission, or a failing file system."""


class CannotGoOnError(IbRunError):
    """A run's training cannot go on with this version of the program."""


class RunInUseError(IbRunError):
    """Another process holds the lock of the run or sweep."""


class TrainingFailedError(IbRunError):
    """The training loss became NaN or infinite; the earlier epochs and scores are kept."""


class MeasurementFailedError(IbRunError):
    """Some epochs or layers could not be measured; the tables have the rows of all others."""


class Interrupted(BaseException):
    """SIGTERM was received, as ``KeyboardInterrupt`` stands for SIGINT: exit status 143."""


def raise_interruption_behind(error: Exception) -> None:
    """Raise the interruption behind ``error``, if any: an ``except Exception`` must not hide it."""
    if (interruption := interruption_behind(error)) is not None:
        raise interruption from None


@contextmanager
def going_on(words: str) -> Iterator[None]:
    """Within the block, an interruption gets the note that a command with ``words`` goes on."""
    try:
        yield
    except BaseException as error:
        if (interruption := interruption_behind(error)) is not None:
            interruption.add_note(f"{words} goes on")
        raise


def interruption_behind(error: BaseException) -> BaseException | None:
    """The interruption among the causes and contexts of ``error``, or None.

    A library that is interrupted may raise an error of its own while cleaning up.
    """
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt | Interrupted):
            return behind
        behind = behind.__cause__ or behind.__context__
    return None
