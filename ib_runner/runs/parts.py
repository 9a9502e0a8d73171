"""Part files: the tables of each measured epoch, kept until all epochs are measured.

An interrupted measurement so loses only the epochs that were being measured. A part is one file: a
zip archive, which has checksums, of the tables as Arrow streams.
"""

import io
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.ipc

from ib_runner.errors import DamagedFileError
from ib_runner.files.atomic import make_folder, write_bytes
from ib_runner.files.reading import unread
from ib_runner.tables.files import to_pandas

EPOCH = "[0-9]" * 6 + "*"
#: endings of the file of an epoch that is measured, and of one of which a measurement failed
WHOLE, PARTIAL = ".zip", ".partial.zip"
#: what reading an altered archive may raise: a flag of encryption is a RuntimeError, and so on
_OF_DAMAGE = (
    OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, pa.ArrowException
)  # fmt: skip
_REMEDY = "It is removed: the same command measures its epoch again."


class Parts:
    """A folder of parts, one for each epoch."""

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def done(self) -> set[int]:
        """The epochs whose parts are complete."""
        return set(self._whole())

    def add(self, epoch: int, tables: Mapping[str, pa.Table], whole: bool = True) -> None:
        """Keep the tables of ``epoch``; unless ``whole``, the epoch is measured again next time."""
        make_folder(self.folder)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, table in tables.items():
                archive.writestr(name, _stream(table))
        name = f"{epoch:06d}"
        write_bytes(self.folder / (name + (WHOLE if whole else PARTIAL)), packed.getvalue())
        if whole:
            (self.folder / (name + PARTIAL)).unlink(missing_ok=True)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The name and rows of each table, all parts together.

        Removes a damaged part and raises ``DamagedFileError`` naming it: its epoch is then measured
        again.
        """
        found: dict[str, list[pa.Table]] = {}
        for path in self._files():
            for name, table in _read(path):
                found.setdefault(name, []).append(table)
        for name, tables in found.items():
            yield name, to_pandas(pa.concat_tables(tables, promote_options="default"))

    def _files(self) -> list[Path]:
        """The file of each epoch, by epoch: the complete one, if there is one."""
        partial = {epoch_of(path): path for path in self.folder.glob(EPOCH + PARTIAL)}
        return [path for _, path in sorted({**partial, **self._whole()}.items())]

    def _whole(self) -> dict[int, Path]:
        paths = self.folder.glob(EPOCH + WHOLE)
        return {epoch_of(path): path for path in paths if not path.name.endswith(PARTIAL)}

    def remove(self) -> None:
        """Remove these parts and those of earlier, abandoned measurements."""
        for folder in self.folder.parent.glob(".parts-*"):
            shutil.rmtree(folder)


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _read(path: Path) -> list[tuple[str, pa.Table]]:
    """The name of each table in the part ``path``, and the table."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                (name, pa.ipc.open_stream(archive.read(name)).read_all())
                for name in archive.namelist()
            ]
    except _OF_DAMAGE as error:
        refusal = unread(path, error, _REMEDY)
        if isinstance(refusal, DamagedFileError):
            path.unlink()
        raise refusal from error


def epoch_of(path: Path) -> int:
    """The epoch of the part file ``path``."""
    return int(path.name.partition(".")[0])
