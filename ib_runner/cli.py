"""The command line: ``ib-run STAGE [overrides and flags]``.

The stage word chooses a class in ``stages``; ``commands.run`` does the rest. Exit statuses: 0 done,
1 failed while running, 2 a mistake in the command line or configuration, 130 interrupted (Ctrl-C),
143 terminated (SIGTERM).
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ib_runner.errors import IbRunError, Interrupted, UsageError, interruption_behind
from ib_runner.stages.stage import stages
from ib_runner.terminal import legible_output
from ib_runner.wording import near_miss


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line, None: this process's own; returns its exit status."""
    with legible_output():
        return _guarded(list(sys.argv[1:] if argv is None else argv), alone=argv is None)


def _guarded(argv: list[str], alone: bool) -> int:
    full = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        with _terminable():
            status = _dispatch(argv, alone)
            sys.stdout.flush()
            return status
    except (KeyboardInterrupt, Interrupted) as interruption:
        return _interrupted(interruption)
    except BrokenPipeError:
        # the reader of a pipe has closed it (`ib-run … | head`): without this redirection Python
        # would print a second error when it flushes standard output at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if (behind := interruption_behind(error)) is not None:
            return _interrupted(behind)
        if full:
            traceback.print_exc()
        known = isinstance(error, IbRunError)
        message = str(error) if known else f"{type(error).__name__}: {error}".strip()
        hint = "" if known or full else "\n(HYDRA_FULL_ERROR=1 shows where.)"
        print(f"ib-run: {message}{hint}", file=sys.stderr)
        return error.exit_status if isinstance(error, IbRunError) else 1


def _interrupted(interruption: BaseException) -> int:
    terminated = isinstance(interruption, Interrupted)
    word = "terminated" if terminated else "interrupted"
    # the outermost note is about the whole sweep; before there is a run there is none
    how = "".join(f"; {note}" for note in getattr(interruption, "__notes__", [])[-1:])
    print(f"ib-run: {word}{how}.", file=sys.stderr)
    return 143 if terminated else 130


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that runs can say that they were interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _dispatch(argv: list[str], alone: bool) -> int:
    if not argv or argv[0] in ("--help", "-h", "help"):
        print(_help())
        return 0
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"ib-run {version('ib-run')}")
        return 0
    if argv[0] in ("-sc", "--shell-completion"):
        from ib_runner.commands.completion import complete

        return complete(argv[1:], list(stages()))
    known = stages()
    if argv[0] not in known:
        raise UsageError(
            f"{argv[0]}: the first word is one of the stages {', '.join(known)}."
            f"{near_miss(argv[0], known)}"
        )
    from ib_runner.commands.arguments import parse_command
    from ib_runner.commands.run import run

    return run(parse_command(known[argv[0]], argv[1:]), alone)


def _help() -> str:
    from ib_runner.commands.help import help_page

    return help_page()
