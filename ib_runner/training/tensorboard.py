"""Writing the ``training`` table to TensorBoard's event files during training."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ib_runner.errors import IbRunError, UsageError

#: the folder in a run's folder, and the prefix by which TensorBoard recognises its files
FOLDER, NAME = "tensorboard", "events.out.tfevents"


class TensorBoard:
    """Scalars ``loss/train``, ``loss/test``, ``accuracy/train``, ``accuracy/test`` over epochs.

    Raises ``UsageError`` where the package is not installed.
    """

    def __init__(self):
        if find_spec("tensorboard") is None:
            raise UsageError(
                "logging=tensorboard: needs the package tensorboard;\n"
                "pip install 'ib-run[tensorboard]', or leave it out with logging=none."
            )

    @contextmanager
    def open(self, run: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
        """A function that writes new epochs to the event file in folder ``run``/tensorboard.

        It is to be called with the ``training`` rows of all epochs so far. Each epoch is a record;
        one that a killed process left incomplete is written again to another file.
        """
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder = run / FOLDER
        with _named(folder):
            folder.mkdir(exist_ok=True)
            files = sorted(folder.glob(f"{NAME}.*"))
            last = max((step for path in files for step in _steps(path)), default=-1)
            file = open(folder / f"{NAME}.{len(files):06d}", "xb")  # noqa: SIM115 - closed below
        records = RecordWriter(file)

        def write(rows: pd.DataFrame) -> None:
            nonlocal last
            with _named(folder):
                for epoch, scores in rows[rows["epoch"] > last].groupby("epoch"):
                    records.write(_scores(int(epoch), scores))
                    last = int(epoch)
                records.flush()

        with file:
            records.write(_event(file_version="brain.Event:2"))
            yield write


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IbRunError(f"{folder}: cannot be written ({error.strerror}).") from error


def _steps(path: Path) -> Iterator[int]:
    """The epochs of the complete records in the event file ``path``."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    for event in EventFileLoader(str(path)).Load():
        if event.HasField("summary"):
            yield event.step


def _scores(epoch: int, rows: pd.DataFrame) -> bytes:
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [
        Summary.Value(tag=f"{name}/{row['split']}", simple_value=row[name])
        for name in ("loss", "accuracy")
        for row in rows.to_dict("records")
        if pd.notna(row[name])  # a regression has no accuracy
    ]
    return _event(step=epoch, summary=Summary(value=values))


def _event(**fields: object) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event

    return Event(wall_time=time.time(), **fields).SerializeToString()
