"""Part files: the tables of each measured epoch, kept until all epochs are measured.

An interrupted measurement so loses only the epochs that were being measured.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from ib_runner.errors import DamagedFileError
from ib_runner.files.atomic import make_folder, write_text
from ib_runner.tables.files import read_table, write_table
from ib_runner.tables.schema import Table

DONE = "done"
EPOCH = "[0-9]" * 6 + "*"


class Parts:
    """A folder of parts, one for each epoch: its table files, and a mark that it is complete."""

    def __init__(self, folder: Path, tables: Mapping[str, Table]):
        self.folder = folder
        self._tables = tables

    @property
    def done(self) -> set[int]:
        """The epochs whose parts are complete."""
        return {int(mark.parent.name) for mark in self.folder.glob(f"{EPOCH}/{DONE}")}

    def add(self, epoch: int, tables: Mapping[str, pd.DataFrame], whole: bool = True) -> None:
        """Keep the tables of ``epoch``; unless ``whole``, the epoch is measured again next time."""
        folder = self.folder / f"{epoch:06d}"
        make_folder(folder)
        for name, frame in tables.items():
            write_table(folder / f"{name}.parquet", frame, self._tables[name])
        if whole:
            write_text(folder / DONE, "")

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The name and rows of each table, all parts together.

        Removes a damaged part and raises ``DamagedFileError`` naming it: its epoch is then measured
        again.
        """
        files: dict[str, list[Path]] = {}
        for path in sorted(self.folder.glob(f"{EPOCH}/*.parquet")):
            files.setdefault(path.stem, []).append(path)
        for name, paths in files.items():
            yield name, pd.concat([self._read(path) for path in paths], ignore_index=True)

    def _read(self, path: Path) -> pd.DataFrame:
        try:
            return read_table(path)
        except DamagedFileError:
            shutil.rmtree(path.parent)
            raise

    def remove(self) -> None:
        """Remove these parts and those of earlier, abandoned measurements."""
        for folder in self.folder.parent.glob(".parts-*"):
            shutil.rmtree(folder)
