"""Tables as CSV files, for a spreadsheet or another language."""

import io
from pathlib import Path

import numpy as np
import pandas as pd

from ib_runner.errors import DamagedFileError
from ib_runner.files.atomic import make_folder, write_text
from ib_runner.report.source import read_source

FOLDER = "csv"


def export_tables(path: str | Path) -> Path:
    """Write every table of the run or sweep at ``path`` to ``csv/TABLE.csv``; returns the folder.

    Reading the text gives exactly the same numbers; a missing value is an empty cell. A column of
    lists becomes a column for each entry, ``value_0``, ``value_1``, … Raises ``DamagedFileError``
    where a table is damaged or ``csv`` is a link.
    """
    source = read_source(path)
    folder = Path(path) / FOLDER
    if folder.is_symlink():
        raise DamagedFileError(f"{folder}: is a link; a run's files are its own.\nRemove the link.")
    make_folder(folder)
    for name, frame in source.tables.items():
        write_text(folder / f"{name}.csv", as_csv(frame))
    return folder


def as_csv(frame: pd.DataFrame) -> str:
    """``frame`` as CSV (RFC 4180, lines end in a line feed)."""
    columns = []
    for name in frame:
        first = next((one for one in frame[name] if one is not None), None)
        if isinstance(first, np.ndarray | list):
            columns.append(_spread(frame[name]))
        else:
            columns.append(frame[name])
    text = io.StringIO()
    pd.concat(columns, axis="columns").to_csv(text, index=False, lineterminator="\n")
    return text.getvalue()


def _spread(column: pd.Series) -> pd.DataFrame:
    """A column for each entry of the lists in ``column``; short lists end in missing values."""
    lengths = column.map(len).to_numpy()
    values = np.full((len(column), lengths.max(initial=0)), np.nan, dtype=np.float32)
    values[np.arange(values.shape[1]) < lengths[:, None]] = np.concatenate(column.to_list())
    names = [f"{column.name}_{k}" for k in range(values.shape[1])]
    return pd.DataFrame(values, index=column.index, columns=names)
