"""Stages that write one file or folder for a run, or for a whole sweep, from its tables alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ib_runner.errors import IbRunError
from ib_runner.stages.stage import Stage

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ib_runner.runs.folder import Run
    from ib_runner.stages.sweep_of_runs import SweepOfRuns


class WrittenFromTables(Stage):
    """A stage whose ``write`` makes a file or folder, whose path is the last line printed."""

    says_path: ClassVar[bool] = False

    def write(self, folder: Path) -> Path:
        """Write the file or folder for the run or sweep in ``folder``; returns its path."""
        raise NotImplementedError

    def written(self, folder: Path) -> Path:
        """The path that ``write`` writes to."""
        raise NotImplementedError

    def work(self, config: "DictConfig", run: "Run") -> None:
        self.write(run.path)

    def report(self, config: "DictConfig", run: "Run") -> None:
        print(self.written(run.path), flush=True)

    def work_on_all(self, configs: Mapping["Run", "DictConfig"]) -> dict["Run", IbRunError]:
        """Nothing: a sweep's tables have the rows of all runs."""
        return {}

    def over_runs(self, sweep: "SweepOfRuns") -> None:
        sweep.collect_tables()
        print(self.write(sweep.path), flush=True)
