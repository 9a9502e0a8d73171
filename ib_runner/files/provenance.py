"""The provenance of numbers: package versions, revision, machine."""

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
    """The versions of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def git_revision() -> dict[str, str | bool | None]:
    """Revision of the checkout this package runs from and whether it is dirty; None outside one.

    As of the first time that this process asks: what runs here was imported before.
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
    # an installed package may lie inside somebody else's repository
    return {"revision": revision, "dirty": dirty} if inside else {"revision": None, "dirty": None}


def software() -> dict[str, str]:
    """Revision and package versions for the metadata of a file."""
    return {"git": json.dumps(git_revision()), "packages": json.dumps(package_versions())}


def _git(folder: Path, *arguments: str) -> str:
    # no optional lock on the index, which a git that is killed (by the timeout, or with us) leaves
    # there for the user to remove
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
    """What a script says in ``results/`` of the numbers it made: its command line, the revision and
    whether it was changed, the machine (never its name) and its load (processes a minute), the day.
    """
    return {
        "command": command,
        **git_revision(),
        "machine": f"{platform.platform()}, {os.cpu_count()} processors",
        "load average": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def machine(device: str) -> dict[str, str | int]:
    """Host, processor threads that this process may use, and the device."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "threads": processors(),
        "device": device,
    }
