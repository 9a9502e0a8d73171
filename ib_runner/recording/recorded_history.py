"""Numbers of a user's own training loop: losses and accuracies in the table ``training``, all
others in the table ``log``."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from torch import Tensor

from ib_runner.errors import UsageError
from ib_runner.files.atomic import make_folder
from ib_runner.runs.folder import Run
from ib_runner.tables.files import write_table
from ib_runner.tables.schema import TABLES

SPLITS, SCORES = ("train", "test"), ("loss", "accuracy")
LOG = "log"


class RecordedHistory:
    """The growing tables ``training`` and ``log`` of ``run``, read up to epoch ``last``."""

    def __init__(self, run: Run, last: int):
        self._run = run
        self._metadata = run.table_metadata(run.config)
        self._rows = {name: _rows(run, name, last) for name in ("training", LOG)}
        self._changed: set[str] = set()

    def note(self, epoch: int, values: Mapping[str, Any]) -> None:
        """Add the numbers ``values`` of ``epoch``. Raises ``UsageError`` for any other value."""
        numbers = {name: _number(name, value) for name, value in values.items()}
        for split in SPLITS:
            scores = {score: numbers.pop(f"{split}_{score}", None) for score in SCORES}
            if any(one is not None for one in scores.values()):
                self._add("training", {"epoch": epoch, "split": split, **scores, "errors": None})
        for name, value in numbers.items():
            self._add(LOG, {"epoch": epoch, "name": name, "value": value})

    def write(self) -> None:
        """Write the tables that have new rows."""
        for name in sorted(self._changed):
            frame = pd.DataFrame(self._rows[name], columns=list(TABLES[name]))
            types = {"loss": float, "accuracy": float, "errors": "Int64", "value": float}
            frame = frame.astype({key: kind for key, kind in types.items() if key in frame})
            path = self._run.table_path(name)
            make_folder(path.parent)
            write_table(path, frame, name, self._metadata)
        self._changed = set()

    def _add(self, table: str, row: dict[str, Any]) -> None:
        self._rows[table].append(row)
        self._changed.add(table)


def _rows(run: Run, name: str, last: int) -> list[dict[str, Any]]:
    """The rows of table ``name`` up to epoch ``last``.

    Later rows belong to an epoch whose checkpoint a killed process did not write any more.
    """
    if not run.table_path(name).is_file():
        return []
    frame = run.table(name)
    return frame[frame["epoch"] <= last].to_dict("records")


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        return float(value.detach() if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"{name}={value!r}: a number is needed.") from error
