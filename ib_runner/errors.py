"""What can go wrong, and the exit status that says so."""


class IbRunError(Exception):
    """Failed while running: exit status 1. The message is one to three lines for the user."""

    exit_status = 1


class UsageError(IbRunError):
    """The command line, a configuration value or a missing path is wrong: exit status 2.

    Raised before any work starts and before any folder exists.
    """

    exit_status = 2


class UnmeasurableError(UsageError, ValueError):
    """A network or data that would be measured wrongly, or not at all; found before any work."""


class UnresolvedError(IbRunError, ArithmeticError):
    """A value that floating-point numbers do not resolve: found out while estimating."""


class TooMuchWorkError(IbRunError, ValueError):
    """A value that would take too long, or too much memory: found before it is computed."""


class DamagedFileError(IbRunError):
    """A file is truncated, altered or not what its name says."""


class UnreadableError(IbRunError):
    """A file may be whole, but cannot be read: no permission, or the file system fails."""


class CannotGoOnError(IbRunError):
    """A run's training cannot go on with this version of the program."""


class RunInUseError(IbRunError):
    """Another process holds the run."""


class TrainingFailedError(IbRunError):
    """The loss stopped being a number; everything up to there is kept."""


class MeasurementFailedError(IbRunError):
    """Some points could not be measured; the tables have all the others."""


class Interrupted(BaseException):
    """A SIGTERM, raised where a KeyboardInterrupt would be: exit status 143."""


def raise_interruption_behind(error: Exception) -> None:
    """For handlers of any ``Exception``: an interruption is none that they may keep."""
    if (interruption := interruption_behind(error)) is not None:
        raise interruption from None


def interruption_behind(error: BaseException) -> BaseException | None:
    """The interruption during which ``error`` was raised: a library that cleans up may hide it."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt | Interrupted):
            return behind
        behind = behind.__cause__ or behind.__context__
    return None
