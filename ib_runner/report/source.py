"""The contents of a report: the tables of a run or sweep, its settings and its provenance."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from ib_runner.errors import DamagedFileError, UsageError
from ib_runner.files.reading import unread
from ib_runner.runs.sweep_folder import SWEEP_NAME, read_sweep
from ib_runner.tables.files import read_table

#: the table that training writes; every other table is in ``measurements/``
TRAINING = "training"
STATE_NAME = "run.json"
CONFIG_NAME = "config.yaml"


@dataclass(frozen=True)
class Source:
    """The contents of a run or a sweep.

    ``keys`` are a sweep's swept keys, which are columns of its tables (none for a run); ``facts``
    the contents of ``run.json`` (a sweep's: of its first run); ``settings`` the saved configuration
    as YAML.
    """

    path: Path
    tables: dict[str, pd.DataFrame]
    units: dict[str, dict[str, str]]
    facts: dict[str, Any]
    settings: str
    keys: tuple[str, ...] = ()
    is_sweep: bool = False


def read_source(path: str | Path) -> Source:
    """The contents of the run or sweep at ``path``.

    Raises ``UsageError`` where ``path`` is neither or has no table yet, ``DamagedFileError`` for a
    damaged file, and ``UnreadableError`` where the system refuses to read a file.
    """
    path = Path(path)
    if (path / SWEEP_NAME).is_file():
        sweep = read_sweep(path)
        begun = [path / job for job in sweep.jobs if (path / job / STATE_NAME).is_file()]
        if not begun:
            raise UsageError(f"run={path}: none of the sweep's {len(sweep.jobs)} jobs has begun.")
        files = sorted((path / "measurements").glob("*.parquet"))
        source, keys = begun[0], tuple(sweep.keys)
    elif (path / STATE_NAME).is_file():
        training = path / f"{TRAINING}.parquet"
        files = [training] * training.is_file() + sorted((path / "measurements").glob("*.parquet"))
        source, keys = path, ()
    else:
        raise UsageError(
            f"run={path}: neither a run (it holds no {STATE_NAME}) nor a sweep (no {SWEEP_NAME}); "
            "see `ib-run list`."
        )
    if not files:
        raise UsageError(
            f"run={path}: no tables yet.\nWait until the training has ended, or see `ib-run list`."
        )
    return Source(
        path=path.resolve(),
        tables={file.stem: read_table(file) for file in files},
        units={file.stem: _units(file) for file in files},
        facts=_facts(source / STATE_NAME),
        settings=_text(source / CONFIG_NAME),
        keys=keys,
        is_sweep=source != path,
    )


def _units(file: Path) -> dict[str, str]:
    """The unit of each column that has one, from the metadata of the table ``file``."""
    return {
        field.name: field.metadata[b"unit"].decode()
        for field in pq.read_schema(file)
        if field.metadata and b"unit" in field.metadata
    }


def _facts(file: Path) -> dict[str, Any]:
    try:
        facts = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{file}: cannot be read ({error}).") from error
    if not isinstance(facts, dict):
        raise DamagedFileError(f"{file}: not the state of a run.\nRestore the file from a copy.")
    return facts


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unread(file, error) from error
