"""A sweep's folder: its jobs, each named by its swept overrides, in ``sweep.json``."""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from ib_runner.errors import DamagedFileError, UsageError
from ib_runner.files.atomic import make_folder, write_json
from ib_runner.files.reading import unread
from ib_runner.tables.version import SCHEMA_VERSION

SWEEP_NAME = "sweep.json"
LONGEST_NAME = 200


@dataclass
class Sweep:
    """The overrides of a sweep's jobs, each as on the command line.

    ``fixed`` overrides apply to every job; ``jobs`` maps a job's name, which is its folder's, to
    its swept overrides; ``keys`` are the swept keys.
    """

    stage: str
    fixed: list[str]
    keys: list[str]
    jobs: dict[str, list[str]]
    started: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="microseconds")
    )
    schema_version: int = SCHEMA_VERSION

    def overrides(self, name: str) -> list[str]:
        """All overrides of job ``name``."""
        return [*self.fixed, *self.jobs[name]]

    def add(self, swept: Sequence[str]) -> str:
        """The name of the job with the ``swept`` overrides, added if it is new."""
        for name, known in self.jobs.items():
            if sorted(known) == sorted(swept):
                return name
        name = job_name(swept, taken=self.jobs)
        self.jobs[name] = list(swept)
        return name


def job_name(swept: Sequence[str], taken: Collection[str] = ()) -> str:
    """The name of a job, such as ``noise.beta-0.005_seed-0``: letters, digits and ``._-`` only.

    Keys are sorted. A name that is in ``taken``, or too long for a file system, ends in a short
    hash of the overrides.
    """
    pairs = sorted(one.lstrip("+").split("=", 1) for one in swept)
    name = "_".join(re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(pair)) for pair in pairs) or "job"
    if len(name) > LONGEST_NAME or name.lower() in {one.lower() for one in taken}:
        digest = hashlib.sha256("\n".join(map("=".join, pairs)).encode()).hexdigest()[:8]
        name = f"{name[:LONGEST_NAME]}-{digest}"
    return name


def swept_values(
    config: DictConfig, keys: Sequence[str], overrides: Sequence[str]
) -> dict[str, object]:
    """The values of the swept ``keys`` in a run's ``config``; lists and nodes come as text.

    Where a key is a group (condition, exp, noise, …), the value is the entry's name from the job's
    ``overrides``, since the configuration has only the entry's contents.
    """
    given = dict(one.lstrip("+~").partition("=")[::2] for one in overrides)
    values = {}
    for key in keys:
        value = OmegaConf.select(config, key)
        if isinstance(value, ListConfig):
            value = str(OmegaConf.to_container(value, resolve=True))
        elif OmegaConf.is_config(value) or (value is None and given.get(key) != "null"):
            value = given.get(key)
        values[key] = value
    return values


def write_sweep(path: Path, sweep: Sweep) -> None:
    """Write ``sweep`` to ``sweep.json`` in folder ``path``, which is made where it is missing."""
    make_folder(path)
    write_json(path / SWEEP_NAME, asdict(sweep))


def read_sweep(path: Path) -> Sweep:
    """The sweep at ``path``.

    Raises ``UsageError`` where there is none, ``DamagedFileError`` where it cannot be read.
    """
    file = path / SWEEP_NAME
    if not file.is_file():
        raise UsageError(f"run={path}: no sweep (it holds no {SWEEP_NAME}); see `ib-run list`.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        _check_version(file, content)
        sweep = Sweep(**content)
        _check(sweep)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise unread(file, error) from error
    return sweep


def _check_version(file: Path, content: object) -> None:
    if not isinstance(content, dict):
        raise ValueError("not a sweep")
    version = content.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int):
        raise ValueError(f"schema version {version!r}")
    if version > SCHEMA_VERSION:
        raise DamagedFileError(
            f"{file}: schema version {version}; this program knows versions up to "
            f"{SCHEMA_VERSION}.\nUpdate ib-run."
        )
    unknown = sorted(content.keys() - {one.name for one in fields(Sweep)})
    if unknown:
        raise DamagedFileError(
            f"{file}: it has {', '.join(unknown[:3])}, which this program does not know.\n"
            "Update ib-run."
        )


def _check(sweep: Sweep) -> None:
    """Raise ``ValueError`` for wrong types, or a job's name that is a path out of the sweep."""
    if not (isinstance(sweep.fixed, list) and isinstance(sweep.keys, list)):
        raise ValueError("overrides and keys must be lists")
    texts = [*sweep.fixed, *sweep.keys, *(one for job in sweep.jobs.values() for one in job)]
    if not all(isinstance(text, str) for text in (*texts, sweep.started, sweep.stage)):
        raise ValueError("overrides and keys must be texts")
    if any(text.lstrip("+~").startswith("hydra") for text in texts):
        raise ValueError("Hydra's own settings are given anew each time")
    for name in sweep.jobs:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError(f"{name!r} is no name of a job")
