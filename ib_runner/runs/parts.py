"""Part files: results as they come, kept until all are there, so that an interruption costs
no more than what was under way."""

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
    """A folder of parts, one an epoch, each a table file or more and a mark that it is whole.

    ``tables`` are those that parts may have, by name.
    """

    def __init__(self, folder: Path, tables: Mapping[str, Table]):
        self.folder = folder
        self._tables = tables

    @property
    def done(self) -> set[int]:
        """The epochs whose parts are whole."""
        return {int(mark.parent.name) for mark in self.folder.glob(f"{EPOCH}/{DONE}")}

    def add(self, epoch: int, tables: Mapping[str, pd.DataFrame], whole: bool = True) -> None:
        """Keep the tables of one epoch; if they are not ``whole``, it is not done."""
        folder = self.folder / f"{epoch:06d}"
        make_folder(folder)
        for name, frame in tables.items():
            write_table(folder / f"{name}.parquet", frame, self._tables[name])
        if whole:
            write_text(folder / DONE, "")

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Each table, all parts together. A damaged part is dropped and named: measure again."""
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
