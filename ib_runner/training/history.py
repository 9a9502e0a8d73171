"""Losses and errors of every epoch: the rows of the ``training`` table during training."""

import numpy as np
import pandas as pd

from ib_runner.datasets import Dataset
from ib_runner.errors import DamagedFileError
from ib_runner.training.targets import Score

SPLITS = ("train", "test")


class History:
    """The scores of epochs 0, 1, … on both splits. Noting an epoch again replaces its scores."""

    def __init__(self, dataset: Dataset):
        self._sizes = np.array([len(dataset.train), len(dataset.test)], np.float64)
        #: loss and errors of the splits, [epochs, 4]; it grows as needed
        self._scores = np.full((1024, 4), np.nan)

    def note(self, epoch: int, scores: dict[str, Score]) -> None:
        """Keep the ``scores`` of ``epoch``, by split."""
        self._make_room(epoch)
        for column, split in enumerate(SPLITS):
            loss, errors = scores[split]
            self._scores[epoch, column] = loss
            self._scores[epoch, 2 + column] = np.nan if errors is None else errors

    def note_many(self, first: int, scores: np.ndarray) -> None:
        """Keep losses and errors [n, 4] of epochs from ``first`` on."""
        self._make_room(first + len(scores) - 1)
        self._scores[first : first + len(scores)] = scores

    def take(self, rows: pd.DataFrame | None, last: int) -> None:
        """Take over the ``rows`` of a ``training`` table, leaving out those after epoch ``last``.

        Raises ``DamagedFileError`` where epochs are missing.
        """
        self._make_room(last)
        for column, split in enumerate(SPLITS):
            part = _rows_of(rows, split, last)
            for at, name in ((column, "loss"), (2 + column, "errors")):
                self._scores[: last + 1, at] = part[name].to_numpy(np.float64, na_value=np.nan)

    def frame(self, last: int) -> pd.DataFrame:
        """Columns epoch, split, loss, accuracy, errors; two rows for each epoch up to ``last``."""
        loss, errors = self._scores[: last + 1, :2], self._scores[: last + 1, 2:]
        return pd.DataFrame(
            {
                "epoch": np.repeat(np.arange(last + 1, dtype=np.int32), 2),
                "split": np.tile(np.array(SPLITS, object), last + 1),
                "loss": loss.ravel(),
                "accuracy": (1.0 - errors / self._sizes).ravel(),
                "errors": pd.array(errors.ravel(), dtype="Int64"),
            }
        )

    def _make_room(self, epoch: int) -> None:
        while epoch >= len(self._scores):
            self._scores = np.concatenate([self._scores, np.full_like(self._scores, np.nan)])


def _rows_of(rows: pd.DataFrame | None, split: str, last: int) -> pd.DataFrame:
    if rows is not None:
        rows = rows[(rows["split"] == split) & (rows["epoch"] <= last)].sort_values("epoch")
        if rows["epoch"].tolist() == list(range(last + 1)):
            return rows
    raise DamagedFileError(
        f"training.parquet: it lacks rows of epochs up to {last}, which are checkpointed.\n"
        "Restore the file from a copy, or train again into a new folder."
    )
