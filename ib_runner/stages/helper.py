"""Other processes of this machine that do a part of this one's work, and end with it.

They are started as commands, neither forked nor by ``multiprocessing``, which would import the
user's main program once more. A call is a line of JSON on their standard input: the name of a
function, and its arguments.
"""

import gc
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import count
from queue import Empty, SimpleQueue
from typing import IO, Any

from ib_runner.collector import collector_rests, leave_out_what_is_there

_START = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from ib_runner.stages.helper import serve
serve(sys.argv[2])
"""


class Helper:
    """A process that imports ``module`` and then does one call after the other."""

    def __init__(self, module: str):
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        path = json.dumps([one for one in sys.path if isinstance(one, str)])
        self._process = subprocess.Popen(
            [sys.executable, *flags, "-c", _START, path, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._calls: IO[str] = self._process.stdin
        self._answers: IO[str] = self._process.stdout
        self._numbers = count()
        self._writing, self._reading = threading.Lock(), threading.Lock()

    def begin(self, function: str, *arguments: object) -> int:
        """Have ``function`` called, without waiting; returns the call's number.

        ``function`` is "MODULE:NAME", ``arguments`` are such as JSON has. Nobody hears whether the
        call succeeds.
        """
        with self._writing:
            number = next(self._numbers)
            with suppress(OSError):  # it has ended, as the next call tells
                self._calls.write(json.dumps([number, function, arguments]) + "\n")
                self._calls.flush()
        return number

    def call(self, function: str, *arguments: object) -> bool:
        """Call ``function`` as ``begin`` does, and wait: whether it has returned.

        False where it raises, and where the process has ended.
        """
        with self._reading:
            asked = self.begin(function, *arguments)
            with suppress(ValueError):  # half a line: the process has ended
                for line in self._answers:
                    number, succeeded = json.loads(line)
                    if number == asked:
                        return bool(succeeded)
        return False

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        with self._reading, suppress(OSError), self._process:  # which closes the pipes, and waits
            pass


@contextmanager
def helpers(workers: int, module: str) -> Iterator[list[Helper]]:
    """``workers`` processes that import ``module`` while this one does other things.

    They end with the block. There are fewer where no process can be started.
    """
    started: list[Helper] = []
    with suppress(OSError):
        for _ in range(workers if sys.executable else 0):
            started.append(Helper(module))
    try:
        yield started
    finally:
        for one in started:
            one.end()


def shared_out(
    names: Sequence[str],
    here: Callable[[str], object],
    there: Sequence[object],
    others: Sequence[Helper],
) -> Iterator[str]:
    """Call ``here`` in this process, or ``there`` in one of ``others``, for each name; yields it.

    ``there`` is a function, as "MODULE:NAME", and its arguments before the name. Each process takes
    the next name when it is free; a name comes when its call has returned. What ``there`` could not
    do, as it raised or its process died, is done here, where it raises what there is to raise.
    """
    todo = deque(names)
    done: SimpleQueue[tuple[str, bool]] = SimpleQueue()

    def lend(other: Helper) -> None:
        function, *arguments = there
        succeeded = True
        while succeeded:
            try:
                name = todo.popleft()
            except IndexError:
                return
            succeeded = other.call(str(function), *arguments, name)
            done.put((name, succeeded))

    for one in others:
        threading.Thread(target=lend, args=(one,), daemon=True).start()
    try:
        for _ in names:
            try:
                name, succeeded = done.get_nowait()
            except Empty:
                try:
                    name, succeeded = todo.popleft(), False
                except IndexError:
                    name, succeeded = done.get()
            if not succeeded:
                here(name)
            yield name
    finally:
        todo.clear()  # after an error, others begin nothing more


def imported(module: str) -> None:
    """Import ``module``, whose objects stay, while the garbage collector rests."""
    with collector_rests():
        import_module(module)


def serve(module: str) -> None:
    """Import ``module``, then do the calls that standard input brings, until that ends.

    The garbage collector rests: a function that makes much of it collects it itself.
    """
    gc.disable()
    # what a function prints is no answer
    answers = open(os.dup(1), "w", encoding="utf-8")  # noqa: SIM115 - for as long as there are calls
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    calls: SimpleQueue[list[Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(calls,), daemon=True).start()
    with suppress(Exception):  # the first call says so
        import_module(module)
    leave_out_what_is_there()
    while True:
        number, function, arguments = calls.get()
        print(json.dumps([number, _succeeds(function, arguments)]), file=answers, flush=True)


def _listen(calls: "SimpleQueue[list[Any]]") -> None:
    """Pass on what standard input brings; with its end the process ends, in the midst of a call."""
    for line in sys.stdin.buffer:
        calls.put(json.loads(line))
    os._exit(1)  # at once, to free the memory: what a call makes has no reader


def _succeeds(function: str, arguments: list[object]) -> bool:
    module, _, name = function.partition(":")
    try:
        getattr(import_module(module), name)(*arguments)
    except Exception:
        return False
    return True
