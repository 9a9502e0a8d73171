"""A cache of composed configurations: files in the user's cache folder.

Composing some sixty YAML files takes Hydra most of a short command's time. A cached file is named
by a hash of what it was made from: the contents of the packaged YAML files (their sizes and times
may outlive an upgrade), the versions of Python, Hydra and OmegaConf, and the chosen entries. Where
the cache cannot be read or written, Hydra composes again.
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

#: number of cached files; the oldest are removed
MOST = 64


def read(key: Sequence[str]) -> dict[str, Any] | None:
    """The configuration cached for ``key`` and the present YAML files, or None."""
    try:
        found = json.loads(_path(key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write(key: Sequence[str], config: dict[str, Any]) -> None:
    """Cache ``config``, which has plain values only, for ``key``; a failure is ignored."""
    try:
        path = _path(key)
        make_folder(path.parent)
        write_text(path, json.dumps(config))
        for old in sorted(path.parent.glob("*.json"), key=_changed)[:-MOST]:
            old.unlink(missing_ok=True)
    except (OSError, IbRunError, TypeError):  # no cache folder, a full disk, a value not for JSON
        return


def _path(key: Sequence[str]) -> Path:
    made_from = json.dumps([*_packaged(), *key]).encode()
    return user_cache_path("ib-run") / "composed" / f"{hashlib.sha256(made_from).hexdigest()}.json"


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has removed the file
        return 0.0


@cache
def _packaged() -> tuple[str, ...]:
    """Versions of Python, Hydra and OmegaConf, and each packaged YAML file."""
    versions = [f"{name} {metadata.version(name)}" for name in ("hydra-core", "omegaconf")]
    return (sys.version, *versions, *_files())


def _files() -> Iterator[str]:
    """Path and contents of each packaged YAML file."""
    root = Path(str(resources.files("ib_runner.conf")))
    for path in sorted(root.rglob("*.yaml")):
        yield f"{path}\n{path.read_text(encoding='utf-8')}"
