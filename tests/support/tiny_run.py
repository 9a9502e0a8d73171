"""A tiny trained run, made by the command line, and its tables."""

from pathlib import Path

import pandas as pd

from ib_runner import cli
from ib_runner.runs.folder import Run

EPOCHS = 4
TINY = [
    "network.widths=[3,2]",
    f"trainer.epochs={EPOCHS}",
    "trainer.shard_epochs=2",
    "dataset=points8",
    "dataset.y=[0,0,0,0,1,1,1,1]",
    "trainer.loss=mse",
    "trainer.batch_size=null",
    "noise.beta=0.1",
    "plot.formats=[png]",
    "plot.figures=[losses]",
    "measure.measurements=[mutual_information,binned_entropy]",
    "measure.methods=[coupled]",
    "measure.n_x=32",
    "measure.n_o=16",
    "measure.n_mc=2",
    "measure.n_jobs=1",
]


def train_tiny(folder: Path, *overrides: str) -> Run:
    """Train a new run below ``folder``."""
    before = set(folder.rglob("run.json"))
    assert cli.main(["train", f"output_root={folder}", *TINY, *overrides]) == 0
    (path,) = set(folder.rglob("run.json")) - before
    return Run(path.parent)


def forget_measured(run: Run) -> None:
    """Remove the note in ``run.json`` that the run is measured, so that `measure` works again."""
    with run.held():
        run.update(measured={})


def tables_of(run: Run) -> dict[str, pd.DataFrame]:
    """The run's measured tables by name, without ``seconds``, which differ each time."""
    paths = sorted(run.path.glob("measurements/*.parquet"))
    return {
        path.stem: run.table(path.stem).drop(columns="seconds", errors="ignore") for path in paths
    }


def assert_same_tables(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        pd.testing.assert_frame_equal(one[name], other[name], check_exact=True)
