"""Stages that make one thing of a run, or of a sweep as a whole, from tables alone."""

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
    """``write`` makes what is asked for; where it lies is the last line on standard output."""

    says_path: ClassVar[bool] = False

    def write(self, folder: Path) -> Path:
        """Make it for the run or sweep in ``folder``; returns its path."""
        raise NotImplementedError

    def written(self, folder: Path) -> Path:
        """Where ``write`` puts it."""
        raise NotImplementedError

    def work(self, config: "DictConfig", run: "Run") -> None:
        self.write(run.path)

    def report(self, config: "DictConfig", run: "Run") -> None:
        print(self.written(run.path), flush=True)

    def work_on_all(self, configs: Mapping["Run", "DictConfig"]) -> dict["Run", IbRunError]:
        """Nothing for each run of a sweep: the sweep's tables have the rows of all."""
        return {}

    def over_runs(self, sweep: "SweepOfRuns") -> None:
        sweep.collect_tables()
        print(self.write(sweep.path), flush=True)
