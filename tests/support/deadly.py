"""A measurement that kills its own process at one epoch, ``times`` times."""

import os
import signal
from pathlib import Path

import pandas as pd


class Deadly:
    table = "parameter"

    def __init__(self, folder: str, times: int, epoch: int = 2):
        self.folder, self.times, self.epoch = Path(folder), times, epoch

    def select(self, epochs):
        return epochs

    def __call__(self, snapshot):
        deaths = len(list(self.folder.glob("death-*")))
        if snapshot.epoch == self.epoch and deaths < self.times:
            (self.folder / f"death-{deaths}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return pd.DataFrame([{"epoch": snapshot.epoch, "name": "w", "value": 1.0}])


def deadly(folder: Path, times: int) -> list[str]:
    """The overrides of `measure` with which it makes only this measurement, in two processes."""
    entry = f"{{_target_:deadly.Deadly,folder:'{folder}',times:{times}}}"
    return [
        f"+measurement.deadly={entry}",
        "measure.measurements=[deadly]",
        "allow_targets=[deadly]",
        "measure.n_jobs=2",
    ]
