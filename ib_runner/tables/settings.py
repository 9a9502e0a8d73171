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

#: of a table file's metadata: settings by their fingerprint, as JSON
METADATA = "settings_of_rows"


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that are the same for the same settings only."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def settings_of(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The settings of the rows of a table as it was read, by fingerprint; rows of tables of
    earlier versions have none.

    Raises ``DamagedFileError`` where the table's metadata are not what was written.
    """
    try:
        found = json.loads(frame.attrs.get(METADATA, "{}"))
        return {str(key): dict(settings) for key, settings in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise DamagedFileError(f"a table's {METADATA} cannot be read ({error}).") from error


def settings_metadata(
    frame: pd.DataFrame, known: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """The metadata for the rows of ``frame``: of the ``known`` settings those that they have."""
    if "settings" not in frame:
        return {}
    used = sorted(set(frame["settings"].dropna()))
    return {METADATA: json.dumps({key: known[key] for key in used if key in known})}


def made_with(
    frame: pd.DataFrame, known: Mapping[str, Mapping[str, Any]], node: str, key: str, value: Any
) -> pd.DataFrame:
    """The rows of ``frame`` whose settings have ``value`` under ``node`` and ``key``.

    Rows whose settings are not known are included.
    """
    if "settings" not in frame:
        return frame
    others = {
        one for one, settings in known.items() if settings.get(node, {}).get(key, value) != value
    }
    return frame[~frame["settings"].isin(others)] if others else frame


def latest_inputs(frame: pd.DataFrame, inputs: Mapping[str, str]) -> pd.DataFrame:
    """Of a sweep's table, the rows of each run about its ``inputs``, by the run's name."""
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
