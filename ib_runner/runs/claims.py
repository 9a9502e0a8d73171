"""Claims: locks made of files, for file systems without locks (NFS and Lustre as often mounted).

A process that wants a folder writes a claim into it, a file with a unique name, and only then looks
for other claims; where it finds one of a living process, it removes its own. Of two processes the
later one finds the other's claim, so that at most one of them gets the folder.

A claim names its process. On the same machine the system knows whether that process lives; on
another machine the process counts as alive as long as it touches its claim. Any process may remove
the claim of a dead one: as names are unique, no other claim can be removed by mistake.
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
#: seconds between two touches of a claim, and since the last touch until its process counts as dead
BEAT, PATIENCE = 30.0, 600.0


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder, for the stage ``doing`` ("" for none).

    ``machine`` identifies the machine, its boot and the container; ``born`` is the start time of
    the process in clock ticks, as the system reuses process numbers.
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
    """The holder written in ``data``; a nameless holder where ``data`` cannot be read."""
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
    """Hold ``folder`` by a claim. Raises ``RunInUseError`` naming a process that has it already."""
    path = folder / CLAIM.replace("*", secrets.token_hex(8))
    write_text(path, json.dumps(asdict(me)))
    ended = threading.Event()
    try:
        # "now" by the file server's clock, which also dates the other claims
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
    """The living process with a claim in ``folder``, or None; claims of dead processes are removed.

    ``now`` is the present time, seconds since 1970 (default: this machine's clock); ``mine`` is the
    caller's own claim, which is ignored.
    """
    found = None
    for path in folder.glob(CLAIM):
        if path == mine:
            continue
        with suppress(FileNotFoundError):  # its process has just removed the claim
            age = (time.time() if now is None else now) - path.lstat().st_mtime
            holder = _read(path)
            if _lives(holder, age):
                found = holder
            else:
                with suppress(OSError):  # the folder may be read-only
                    path.unlink()
    return found


def _read(path: Path) -> Holder:
    try:
        return holder_from(read_regular(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError):  # unreadable, such as another user's: its age decides
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
    """Host name, boot and container: within the same three, a process number means one process."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _born(pid: int) -> str:
    """The start time of process ``pid``, clock ticks since boot, as text; "" where it is unknown.

    "ended" for a zombie, which has ended and waits for its parent.
    """
    try:
        # fields behind the program's name, which is in brackets and may itself hold brackets
        state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "ended" if state in "ZX" else numbers[18]
    except (OSError, ValueError, IndexError):
        return ""
