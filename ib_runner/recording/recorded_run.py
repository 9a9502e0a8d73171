"""A recorded run in Python, with its network at hand: the stages as methods."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ib_runner.config.saved import compose_saved
from ib_runner.config.validate import validate
from ib_runner.recording.configuration import our_hydra
from ib_runner.runs.folder import Run


class RecordedRun(Run):
    """As ``open_run`` gives it, and what ``ib-run`` does with a run, done here.

    Settings are those of the stage: ``measure(epochs=[0, 10], target_width=0.1)`` is
    ``ib-run measure measure.epochs=[0,10] measure.target_width=0.1``.
    """

    def __init__(self, path: str | Path, network: nn.Module, allow_targets: Sequence[str] = ()):
        super().__init__(path, allow_targets)
        self._network = network  # as long as the run is there, so is the network

    def measure(self, **settings: Any) -> "RecordedRun":
        """Write tables; in this process, which has the network."""
        return self._do("measure", {"n_jobs": 1, **settings})

    def plot(self, **settings: Any) -> "RecordedRun":
        """Draw the tables."""
        return self._do("plot", settings)

    def check(self, **settings: Any) -> "RecordedRun":
        """Hold the tables against ``findings``, entries by name."""
        return self._do("check", settings, node="findings")

    def report(self) -> Path:
        """Make one HTML file to explore; its path."""
        self._do("report", {})
        return self.path / "report.html"

    def _do(self, name: str, settings: Mapping[str, Any], node: str | None = None) -> "RecordedRun":
        from ib_runner.stages.stage import stages

        stage = stages()[name]
        overrides = [f"{node or name}.{key}={_override(one)}" for key, one in settings.items()]
        with our_hydra() as hydra:
            config = compose_saved(hydra, name, stage.may_change, self.config, overrides, self.path)
        validate(config)
        stage.validate(config, new=False)
        stage.check(config, self)
        stage.work(config, self)
        return self


def _override(value: Any) -> str:
    """``value`` as on the command line; numpy's numbers and arrays are numbers and lists."""
    return json.dumps(value, default=lambda one: one.tolist())
