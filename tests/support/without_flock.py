"""A file system without flock, as NFS and Lustre are often mounted."""

import fcntl
import os


def refuse_flock(code: int) -> None:
    """From now on every flock of this process is answered with ``code``; 0 changes nothing."""

    def flock(descriptor, operation):
        raise OSError(code, os.strerror(code))

    if code:
        fcntl.flock = flock
