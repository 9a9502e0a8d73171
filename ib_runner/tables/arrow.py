"""Reading tables without pandas, which takes long to import, for ``ib-run list`` and the like."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ib_runner.errors import DamagedFileError
from ib_runner.files.reading import unread
from ib_runner.tables import seal
from ib_runner.tables.schema import TABLES
from ib_runner.tables.version import SCHEMA_VERSION

_REMEDY = "Remove the file and run the stage that writes it again."


def read_arrow(path: Path) -> pa.Table:
    """The table at ``path``, sorted by its key, its checksum and version checked.

    Raises ``FileNotFoundError``, or ``DamagedFileError`` or ``UnreadableError`` naming the file and
    the remedy.
    """
    try:
        data = path.read_bytes()
        if not seal.is_whole(data):
            raise ValueError("the contents are not those that were written")
        # not pq.read_table, which imports pandas
        arrow = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unread(path, error, _REMEDY) from error
    except (ValueError, pa.ArrowException) as error:
        raise _damaged(path, f"cannot be read ({str(error).splitlines()[0]})") from error
    version = (arrow.schema.metadata or {}).get(b"schema_version")
    if version is None or int(version) > SCHEMA_VERSION:
        raise DamagedFileError(
            f"{path}: table schema version {version and version.decode()}, this program knows "
            f"versions up to {SCHEMA_VERSION}.\nUpdate ib-run, or measure again."
        )
    for name, column in TABLES.get(path.stem, {}).items():
        if column.optional and name not in arrow.schema.names:
            continue
        if name not in arrow.schema.names or arrow.schema.field(name).type != column.type:
            raise _damaged(path, f"is another one: it lacks the column {name} of {path.stem}")
    return arrow


def _damaged(path: Path, what: str) -> DamagedFileError:
    return DamagedFileError(f"{path}: the table {what}.\n{_REMEDY}")
