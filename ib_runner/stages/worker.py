"""Work in other processes of this machine, which end with this one."""

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

#: seconds between a worker's checks whether its parent process is alive
_LOOKS = 2.0
_watched = threading.Event()


def in_worker(task: Callable[..., Result], parent: int, *arguments: object) -> Result:
    """Do ``task`` with ``arguments``; this process ends when process ``parent`` ends."""
    if os.getpid() != parent and not _watched.is_set():
        _watched.set()
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    return task(*arguments)


def end_with(parent: int) -> None:
    """End this process as soon as process ``parent`` has ended; to be called in a thread."""
    while os.getppid() == parent:
        time.sleep(_LOOKS)
    os._exit(1)  # at once, to free the memory: the results have no reader
