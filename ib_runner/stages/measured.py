"""Whether a run has been measured with given settings, so that a repeated command does nothing.

``run.json`` has, under ``measured``, a fingerprint of the settings and the number of rows that they
made in each table. A measurement is done while the tables still have as many rows of it.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ib_runner.differences import leaves
from ib_runner.errors import DamagedFileError
from ib_runner.files import provenance
from ib_runner.runs.folder import Run
from ib_runner.tables.arrow import read_arrow
from ib_runner.tables.settings import fingerprint

#: the key in ``run.json`` that holds the fingerprints
MEASURED = "measured"


def row_settings(config: DictConfig) -> dict[str, Any]:
    """The settings that decide the values of a row, besides checkpoint and data."""
    settings = measured_with(config)
    for key in ("epochs", "further_epochs", "measurements"):
        settings["measure"].pop(key, None)
    return settings


def measured_with(config: DictConfig) -> dict[str, Any]:
    """The settings that decide rows and values, without those of place (n_jobs, scheduler)."""
    settings = OmegaConf.to_container(config, resolve=True)
    relevant = {key: settings[key] for key in ("measure", "measurement", "noise", "seed")}
    for key in ("n_jobs", "scheduler"):
        relevant["measure"].pop(key, None)
    return relevant


def measured_fingerprint(config: DictConfig, names: Sequence[str], epochs: Sequence[int]) -> str:
    """A fingerprint of the settings, measurements and epochs; equal ones make the same rows."""
    made = {"settings": measured_with(config), "names": list(names), "epochs": list(epochs)}
    return fingerprint({**made, "sources": _sources(config)})


def _sources(config: DictConfig) -> dict[str, str]:
    """SHA-256 of the modules of targets outside ib_runner, by target: changes count as new."""
    digests = {}
    for key, value in leaves(OmegaConf.to_container(config)):
        if not key.endswith("_target_") or str(value).startswith("ib_runner."):
            continue
        module = sys.modules.get(str(value).rpartition(".")[0])
        path = getattr(module, "__file__", None)
        if path and Path(path).is_file():
            digests[str(value)] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return digests


def note_measured(run: Run, config: DictConfig, measured: str, tables: Sequence[str]) -> None:
    """Note in ``run.json`` that ``tables`` have all rows of fingerprint ``measured``.

    The caller must hold the run's lock.
    """
    made_by = fingerprint(row_settings(config))
    rows = {name: _count(run, name, made_by) for name in tables}
    known = run.info.get(MEASURED) or {}
    run.update(**{MEASURED: {**known, measured: {"rows": rows, **provenance.software()}}})


def is_measured(run: Run, config: DictConfig, measured: str) -> bool:
    """Whether the tables have all rows of ``measured``, made by this version of the program."""
    noted = (run.info.get(MEASURED) or {}).get(measured)
    if not isinstance(noted, dict) or not run.table_path("layers").is_file():
        return False
    made_by = fingerprint(row_settings(config))
    rows = noted.get("rows", {})
    if {"rows": rows, **provenance.software()} != noted:
        return False
    return all(_count(run, name, made_by) >= count for name, count in rows.items())


def _count(run: Run, table: str, made_by: str) -> int:
    """The number of rows of the run's ``table`` with settings of fingerprint ``made_by``.

    −1 where the table is missing or damaged.
    """
    try:
        rows = read_arrow(run.table_path(table))
    except (FileNotFoundError, DamagedFileError):
        return -1
    if "settings" not in rows.column_names:
        return len(rows)
    return rows.column("settings").to_pylist().count(made_by)
