"""The settings that made each row, by their fingerprint in the column ``settings``.

Measuring again with other settings replaces some rows and keeps others, so rows of one table may
have different settings; the table's metadata holds all of them.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ib_runner.errors import DamagedFileError

#: key in a table file's metadata of the settings by their fingerprint, as JSON
METADATA = "settings_of_rows"


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits of a hash of ``settings``."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def settings_of(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The settings of the rows of ``frame``, as it was read from a file, by fingerprint.

    Empty for tables of earlier versions. Raises ``DamagedFileError`` for damaged metadata.
    """
    try:
        found = json.loads(frame.attrs.get(METADATA, "{}"))
        return {str(key): dict(settings) for key, settings in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise DamagedFileError(f"a table's {METADATA} cannot be read ({error}).") from error


def settings_metadata(
    frame: pd.DataFrame, known: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """The metadata for ``frame``: the ``known`` settings, by fingerprint, that its rows have."""
    if "settings" not in frame:
        return {}
    used = sorted(set(frame["settings"].dropna()))
    return {METADATA: json.dumps({key: known[key] for key in used if key in known})}


def made_with(
    frame: pd.DataFrame, known: Mapping[str, Mapping[str, Any]], node: str, key: str, value: Any
) -> pd.DataFrame:
    """The rows of ``frame`` whose ``known`` settings have ``value`` under ``node`` and ``key``.

    Rows with unknown settings are included.
    """
    if "settings" not in frame:
        return frame
    others = {
        one for one, settings in known.items() if settings.get(node, {}).get(key, value) != value
    }
    return frame[~frame["settings"].isin(others)] if others else frame


def latest_inputs(frame: pd.DataFrame, inputs: Mapping[str, str]) -> pd.DataFrame:
    """The rows of a sweep's table about each run's ``inputs`` ("all" or "test", by run name)."""
    if "settings" not in frame or frame.empty:
        return frame
    known = settings_of(frame)
    return pd.concat(
        [
            made_with(rows, known, "measure", "inputs", inputs.get(run))
            for run, rows in frame.groupby("run", sort=False)
        ],
        ignore_index=True,
    )
