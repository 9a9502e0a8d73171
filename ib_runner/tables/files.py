"""Tables as parquet files with units: written whole or not at all, checked when read."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ib_runner.files.atomic import write_bytes
from ib_runner.tables import seal
from ib_runner.tables.arrow import read_arrow
from ib_runner.tables.schema import SETTINGS, TABLES, Column, Table, table_named
from ib_runner.tables.version import SCHEMA_VERSION


def arrow_schema(table: str | Table, extra: Mapping[str, Column] | None = None) -> pa.Schema:
    """The arrow schema of ``table``, with further columns ``extra`` after its own.

    The fields' metadata say each column's unit, and whether it is in the key.
    """
    columns = {**table_named(table).columns, **(extra or {})}
    return pa.schema(
        [pa.field(name, one.type, metadata=_metadata(one)) for name, one in columns.items()]
    )


def _metadata(column: Column) -> dict[str, str] | None:
    said = {"unit": column.unit, "key": "yes" if column.key else None}
    return {word: value for word, value in said.items() if value} or None


def write_table(
    path: Path,
    frame: pd.DataFrame,
    table: str | Table,
    metadata: Mapping[str, str] | None = None,
    extra: Mapping[str, Column] | None = None,
) -> None:
    """Write ``frame`` as ``table``, sorted by its key; ``metadata`` goes into the file.

    Raises ``KeyError`` where a column is missing, ``ValueError`` where a key is not unique, and
    arrow's errors where a value is not of its column's type.
    """
    arrow = arrow_table(frame, table, extra)
    arrow = arrow.replace_schema_metadata(
        {"schema_version": str(SCHEMA_VERSION), **(metadata or {}), seal.KEY: seal.BLANK}
    )
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink, compression="zstd", write_page_checksum=True)
    write_bytes(path, seal.sealed(sink.getvalue().to_pybytes()))


def arrow_table(
    frame: pd.DataFrame, table: str | Table, extra: Mapping[str, Column] | None = None
) -> pa.Table:
    """``frame`` as ``table``, sorted by its key. Raises the errors of ``write_table``."""
    schema, table = arrow_schema(table, extra), table_named(table)
    unknown = set(frame.columns) - set(schema.names)
    if unknown:
        raise KeyError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
    for name, column in table.columns.items():
        if column.optional and name not in frame:
            schema = schema.remove(schema.get_field_index(name))
    keys = [name for name, column in (extra or {}).items() if column.key] + table.key
    arrow = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
    # grouping tells apart the nulls of no key: two nulls are equal
    if arrow.group_by(keys, use_threads=False).aggregate([]).num_rows < len(arrow):
        raise ValueError(f"table {table.name}: rows with the same {', '.join(keys)}")
    return arrow.sort_by([(key, "ascending") for key in keys])


def read_columns(path: Path) -> Table:
    """The columns of the table in file ``path``, which may be that of a user's own measurement."""
    if path.stem in TABLES:
        return table_named(path.stem)
    columns = {}
    for field in pq.read_schema(path):
        said = field.metadata or {}
        unit, key = said.get(b"unit"), b"key" in said
        columns[field.name] = Column(field.type, unit and unit.decode(), key)
    if "settings" in columns:
        columns["settings"] = SETTINGS
    return Table(path.stem, columns)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; an integer column with missing values becomes pandas' ``Int64``.

    The frame's ``attrs`` have the versions, seed and settings (JSON) that made it, as texts.
    Raises ``FileNotFoundError``, or ``DamagedFileError`` or ``UnreadableError`` naming the file and
    the remedy.
    """
    arrow = read_arrow(path)
    frame = to_pandas(arrow)
    made = {key.decode(): value.decode() for key, value in arrow.schema.metadata.items()}
    frame.attrs = {key: value for key, value in made.items() if key != seal.KEY}
    return frame


def to_pandas(arrow: pa.Table) -> pd.DataFrame:
    """The rows of ``arrow``; an integer column with missing values becomes pandas' ``Int64``."""
    frame = arrow.to_pandas(ignore_metadata=True)
    for name, column in zip(arrow.column_names, arrow.columns, strict=True):
        if column.null_count and pa.types.is_integer(column.type):
            frame[name] = frame[name].astype("Int64")
    return frame


def replace_rows(old: pd.DataFrame, new: pd.DataFrame, table: str | Table) -> pd.DataFrame:
    """``old`` with rows that were measured again replaced by those of ``new``.

    A new row with status ``failed`` replaces no old row.
    """
    if old.empty:
        return new
    keys = table_named(table).replacement_key
    # a null may be part of a key (unit null: the whole layer); as text, two nulls are equal
    if "status" in new:
        there = _key_tuples(new, keys).isin(set(_key_tuples(old, keys)))
        new = new[~(there & (new["status"] == "failed"))]
    again = _key_tuples(old, keys).isin(set(_key_tuples(new, keys)))
    return pd.concat([old[~again], new], ignore_index=True) if (~again).any() else new


def _key_tuples(frame: pd.DataFrame, keys: list[str]) -> pd.Series:
    columns = [frame[key].astype("object").where(frame[key].notna(), None) for key in keys]
    return pd.Series(list(zip(*columns, strict=True)), index=frame.index, dtype="object")
