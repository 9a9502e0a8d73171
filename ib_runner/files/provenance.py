"""The provenance of results: package versions, git revision, machine."""

import json
import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("ib-run", "torch", "numpy", "numba", "scipy", "pandas", "pyarrow", "safetensors")


def package_versions() -> dict[str, str]:
    """The versions of the packages on which numerical results depend."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def git_revision() -> dict[str, str | bool | None]:
    """Git revision of the checkout this package runs from, and whether it has uncommitted changes.

    Both are None outside a checkout. Asked for once a process, since the imported code stays as it
    was.
    """
    return dict(_revision())


@cache
def _revision() -> Mapping[str, str | bool | None]:
    here = Path(__file__).resolve().parents[2]
    try:
        revision = _git(here, "rev-parse", "HEAD")
        inside = Path(_git(here, "rev-parse", "--show-toplevel")).resolve() == here
        dirty = bool(_git(here, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return {"revision": None, "dirty": None}
    # an installed package may lie inside another project's repository
    return {"revision": revision, "dirty": dirty} if inside else {"revision": None, "dirty": None}


def software() -> dict[str, str]:
    """Revision and package versions for the metadata of a file."""
    return {"git": json.dumps(git_revision()), "packages": json.dumps(package_versions())}


def _git(folder: Path, *arguments: str) -> str:
    # without git's optional lock on the index: a killed git (by the timeout, or with this process)
    # would leave the lock file behind for the user to remove
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()


def processors() -> int:
    """The processors that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def of_result(command: str) -> dict[str, str | float | bool | None]:
    """The provenance that a script writes into ``results/``: its command line, git revision,
    machine (never its name), load (mean number of processes over a minute) and day.
    """
    return {
        "command": command,
        **git_revision(),
        "machine": f"{platform.platform()}, {os.cpu_count()} processors",
        "load average": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def machine(device: str) -> dict[str, str | int]:
    """Host name, number of processors that this process may use, and device."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "threads": processors(),
        "device": device,
    }
