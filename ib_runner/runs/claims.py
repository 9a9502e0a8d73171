"""Locks made of files, for file systems that lock nothing (NFS and Lustre as often mounted).

Each process that wants a folder puts a claim into it, a file with a name of its own, and only then
looks for others: where it finds a living one, it withdraws its own. Of two processes the one that
claimed later finds the other's claim, so that at most one of them goes on.

A claim names its process. On the same machine the system knows whether that process lives; on
another one it lives as long as it touches its claim. A dead one's claim is removed by whoever
finds it, which harms nobody: no two claims have the same name.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ib_runner.errors import RunInUseError
from ib_runner.files.atomic import write_text
from ib_runner.files.reading import read_regular

CLAIM = ".claim-*"
#: seconds between two touches of a claim, and without any after which its process counts as dead
BEAT, PATIENCE = 30.0, 600.0


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder; ``doing`` is the stage that it holds it for, "" for none.

    ``machine`` tells machines, their boots and their containers apart; ``born`` is when the process
    began, in the system's own count: numbers of processes are used again.
    """

    host: str = ""
    pid: int = 0
    doing: str = ""
    machine: str = ""
    born: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}" if self.host else "another process"


def this_process(doing: str = "") -> Holder:
    """This process as a holder."""
    return Holder(socket.gethostname(), os.getpid(), doing, _machine(), _born(os.getpid()))


def holder_from(data: bytes) -> Holder:
    """The holder written in ``data``; an unnamed one where that says none."""
    try:
        found = json.loads(data)
        return Holder(
            str(found["host"]),
            int(found["pid"]),
            str(found.get("doing", "")),
            str(found.get("machine", "")),
            str(found.get("born", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return Holder()


@contextmanager
def claim(folder: Path, me: Holder) -> Iterator[None]:
    """Hold ``folder`` by a claim; raises ``RunInUseError`` naming the process of another one."""
    path = folder / CLAIM.replace("*", secrets.token_hex(8))
    write_text(path, json.dumps(asdict(me)))
    ended = threading.Event()
    try:
        # the file system's own clock: those of other machines may differ from ours
        other = living(folder, now=path.stat().st_mtime, mine=path)
        if other is not None:
            raise RunInUseError(f"{folder}: in use by {other}; wait for it or stop it.")
        threading.Thread(target=_touch, args=(path, ended), daemon=True).start()
        yield
    finally:
        ended.set()
        with suppress(OSError):
            path.unlink()


def living(folder: Path, now: float | None = None, mine: Path | None = None) -> Holder | None:
    """The holder by a claim in ``folder``, if it lives; claims of dead processes are removed.

    ``now`` is the present time (default: this machine's), ``mine`` a claim that does not count.
    """
    found = None
    for path in folder.glob(CLAIM):
        if path == mine:
            continue
        with suppress(FileNotFoundError):  # it was withdrawn meanwhile
            age = (time.time() if now is None else now) - path.lstat().st_mtime
            holder = _read(path)
            if _lives(holder, age):
                found = holder
            else:
                with suppress(OSError):  # in a folder that may only be read it stays
                    path.unlink()
    return found


def _read(path: Path) -> Holder:
    try:
        return holder_from(read_regular(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError):  # another user's that may not be read: its age tells
        return Holder()


def _lives(holder: Holder, age: float) -> bool:
    if not holder.machine or holder.machine != _machine():
        return age < PATIENCE
    try:
        os.kill(holder.pid, 0)
    except PermissionError:
        pass
    except (ProcessLookupError, OverflowError):
        return False
    return holder.born == _born(holder.pid)


def _touch(path: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        with suppress(OSError):
            os.utime(path)


def _machine() -> str:
    """The machine since its last start, and the container: where a process number means one."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _born(pid: int) -> str:
    """When process ``pid`` began, in clock ticks since the machine did; "" where nobody says.

    "ended" of one that only waits for its parent to hear of its end.
    """
    try:
        # the name comes before, in brackets, and may hold anything
        state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "ended" if state in "ZX" else numbers[18]
    except (OSError, ValueError, IndexError):
        return ""
