"""A sweep as ``open_run`` returns it: its runs, their tables together, and summaries over runs."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_runner.errors import UsageError
from ib_runner.runs.about import sweep_text
from ib_runner.runs.folder import STATE_NAME, Run
from ib_runner.runs.opened import OpenedRun
from ib_runner.runs.sweep_folder import Sweep, read_sweep, swept_values
from ib_runner.wording import near_miss, one_of

if TYPE_CHECKING:  # these modules take long to import
    import pandas as pd

    from ib_runner.tables.collect import SweptRun

#: the column of each table that ``summary`` summarises, unless ``value`` names another
VALUES = {
    "training": "loss", "mutual_information": "mi", "binned_entropy": "entropy",
    "entropy_slope": "slope", "parameter": "value", "guarantee": "value",
}  # fmt: skip
#: columns of a summary
MEDIAN, LOW, HIGH, N = "median", "q25", "q75", "n"


def measured_inputs(runs: Sequence[Run]) -> dict[str, str]:
    """Which inputs each run was measured on last ("all" or "test"), by the run's name."""
    return {
        run.path.name: run.table("layers").attrs["inputs"]
        for run in runs
        if run.table_path("layers").is_file()
    }


class OpenSweep:
    """A sweep's folder at ``path``; ``runs`` are those of its jobs that have begun."""

    def __init__(self, path: str | Path, allow_targets: Sequence[str] = ()):
        self.path = Path(path)
        self.allow_targets = tuple(allow_targets)
        self._sweep = read_sweep(self.path)

    @property
    def keys(self) -> list[str]:
        """The swept keys."""
        return list(self._sweep.keys)

    @property
    def jobs(self) -> Sweep:
        """All jobs with their overrides."""
        return self._sweep

    @cached_property
    def runs(self) -> list[OpenedRun]:
        """The runs, in the order of the jobs."""
        folders = [self.path / name for name in self._sweep.jobs]
        return [
            OpenedRun(one, self.allow_targets) for one in folders if (one / STATE_NAME).is_file()
        ]

    def values(self, run: Run) -> dict[str, object]:
        """The swept values of ``run``, by key."""
        return swept_values(run.config, self.keys, self._sweep.jobs[run.path.name])

    def table(self, name: str) -> "pd.DataFrame":
        """Table ``name`` of all runs that have it, with ``run`` and the swept keys as columns.

        Tables about several runs together, such as ``findings``, are read from the sweep's folder.
        Raises ``FileNotFoundError``, which names the stage that writes the table, where no run has
        it.
        """
        from ib_runner.tables.collect import sweep_table_path, together
        from ib_runner.tables.files import read_table

        own = sweep_table_path(self.path, name)
        found = None if name == "findings" and own.is_file() else together(self._swept, name)
        if found is not None:
            return found
        if own.is_file():
            return read_table(own)
        for run in self.runs:
            return run.table(name)  # raises an error that names the stage, or a similar table
        raise UsageError(f"run={self.path}: the sweep has no runs yet.")

    def summary(
        self, name: str, by: str | Sequence[str] | None = None, value: str | None = None
    ) -> "pd.DataFrame":
        """Median and quartiles of a table's ``value`` over the runs with the same swept values.

        ``by`` names swept keys (default: all but the seed). The frame has a row for each of their
        values and each key of the table (epoch, layer, method, …), with ``median``, ``q25``,
        ``q75`` in the unit of ``value`` and the number ``n`` of runs that have a value. Only rows
        about the inputs that were measured last count.

        Raises ``UsageError`` for a key that is not swept, or a column that the table lacks or has
        empty.
        """
        from ib_runner.tables.files import read_columns
        from ib_runner.tables.settings import latest_inputs

        keys = [key for key in self.keys if key != "seed"] if by is None else by
        keys = [keys] if isinstance(keys, str) else list(keys)
        for key in keys:
            if key not in self.keys:
                raise UsageError(
                    f"by={key}: the sweep varies {', '.join(self.keys)}.{near_miss(key, self.keys)}"
                )
        rows = latest_inputs(self.table(name), measured_inputs(self.runs))
        path = next(one.table_path(name) for one in self.runs if one.table_path(name).is_file())
        own = [one for one in read_columns(path).key if one in rows]
        value = value_column(rows, name, value, [*own, *self.keys])
        rows = rows.dropna(subset=[value])
        if rows.empty:
            raise UsageError(f"value={value}: no run has one in its table {name}.")
        groups = rows.groupby([*keys, *own], dropna=False, sort=True)[value]
        found = groups.quantile([0.25, 0.5, 0.75]).unstack()
        found.columns = [LOW, MEDIAN, HIGH]
        return found.assign(**{N: groups.size()})[[MEDIAN, LOW, HIGH, N]].reset_index()

    @property
    def _swept(self) -> list["SweptRun"]:
        from ib_runner.tables.collect import SweptRun

        return [SweptRun(run.path.name, self.values(run), run.table_path) for run in self.runs]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(Run, name):
            raise AttributeError(f"{name}: {self.path} is a sweep; ask one of its .runs for it")
        raise AttributeError(f"a sweep has no {name}")

    def __repr__(self) -> str:
        return f"<sweep {self.path}: {sweep_text(self)}>"


def value_column(rows: "pd.DataFrame", table: str, value: str | None, keys: Sequence[str]) -> str:
    """The column of ``table`` to show: ``value``, or the table's default.

    Raises ``UsageError`` where ``rows`` have no such column of numbers.
    """
    numbers = [
        one for one in rows.select_dtypes("number").columns if one not in (*keys, "run", "seed")
    ]
    chosen = VALUES.get(table) if value is None else value
    if chosen not in numbers:
        raise UsageError(
            f"value={chosen}: table {table} has the numbers {one_of(numbers)}."
            f"{near_miss(str(chosen), numbers)}"
        )
    return chosen
