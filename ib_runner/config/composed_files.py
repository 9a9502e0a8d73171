"""Configurations that an earlier command line put together, kept as files in the user's cache.

Hydra takes most of a short command's time for putting some sixty YAML files together, and they are
the same ones each time. A file here has the name of what it was made from: the packaged YAML files
(names, sizes, times of change), the versions of what composes, and the entries chosen. Where the
cache cannot be read or written, everything is put together anew.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from ib_runner.errors import IbRunError
from ib_runner.files.atomic import make_folder, write_text

#: how many files are kept, the newest
MOST = 64


def read(key: Sequence[str]) -> dict[str, Any] | None:
    """What was written for ``key`` while the YAML files were as they are now; None if nothing."""
    try:
        found = json.loads(_path(key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write(key: Sequence[str], config: dict[str, Any]) -> None:
    """Keep ``config``, plain values, for ``key``."""
    try:
        path = _path(key)
        make_folder(path.parent)
        write_text(path, json.dumps(config))
        for old in sorted(path.parent.glob("*.json"), key=_changed)[:-MOST]:
            old.unlink(missing_ok=True)
    except (OSError, IbRunError, TypeError):  # no cache, a full disk, or what JSON cannot say
        return


def _path(key: Sequence[str]) -> Path:
    made_from = json.dumps([*_packaged(), *key]).encode()
    return user_cache_path("ib-run") / "composed" / f"{hashlib.sha256(made_from).hexdigest()}.json"


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process was faster
        return 0.0


@cache
def _packaged() -> tuple[str, ...]:
    """The packaged YAML files as they are, and the versions of what puts them together."""
    versions = [f"{name} {metadata.version(name)}" for name in ("hydra-core", "omegaconf")]
    return (sys.version, *versions, *_files())


def _files() -> Iterator[str]:
    root = Path(str(resources.files("ib_runner.conf")))
    for path in sorted(root.rglob("*.yaml")):
        known = path.stat()
        yield f"{path} {known.st_size} {known.st_mtime_ns}"
