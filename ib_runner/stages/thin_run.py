"""Removing checkpoints; the run can still be trained further, and the kept epochs measured."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ib_runner.errors import UsageError
from ib_runner.rules import EPOCHS
from ib_runner.runs.find import is_sweep
from ib_runner.runs.folder import Run
from ib_runner.runs.log import log_to, logger
from ib_runner.tables.files import read_table
from ib_runner.wording import show


def thin(run: Run, keep: Sequence[int]) -> None:
    """Remove all checkpoints of ``run`` but those of the epochs ``keep``."""
    with run.held(), log_to(run.path / "thin.log"):
        before = len(run.epochs)
        size, _ = run.checkpoints.sizes(keep)
        run.checkpoints.thin(keep)
        freed = size - run.checkpoints.sizes(keep)[0]
        logger.info(
            "%s: %d of %d checkpoints kept, %d bytes freed", run.path, len(keep), before, freed
        )


def epochs_to_keep(run: Run, keep: Any, force: bool) -> list[int]:
    """The checkpointed epochs to keep, where ``keep`` is a list, ``every:N`` or ``measured``.

    Epoch 0 and the last epoch, from which training goes on, are always kept. Raises ``UsageError``
    where ``keep`` is none of the three or names an epoch without checkpoint, and, unless ``force``,
    where the tables of the run have rows of an epoch that would be removed.
    """
    there = run.epochs
    if not there:
        raise UsageError(f"run={run.path}: it has no checkpoints.")
    needed = set(there) & _epochs_of_tables(run)
    kept = {there[0], there[-1]} | _wanted(run, keep, needed)
    lost = sorted(needed - kept)
    if lost and not force:
        raise UsageError(
            f"keep={_shown(keep)}: {len(lost)} epochs in the tables of run={run.path} would lose "
            f"their checkpoint,\n{_some(lost)}. keep=measured keeps these; force=true removes them."
        )
    if not force and any((run.path / "measurements").glob(".parts-*")):
        raise UsageError(
            f"run={run.path}: a measurement is not finished and may need any checkpoint.\n"
            "Finish it with `ib-run measure`, or give force=true."
        )
    return sorted(kept)


def _wanted(run: Run, keep: Any, needed: set[int]) -> set[int]:
    there = set(run.epochs)
    if keep == "measured":
        return needed
    every = re.fullmatch(r"every:([1-9]\d*)", keep) if isinstance(keep, str) else None
    if every:
        return {epoch for epoch in there if epoch % int(every[1]) == 0}
    epochs = list(keep) if isinstance(keep, Sequence) and not isinstance(keep, str) else keep
    if not EPOCHS.accepts(epochs):
        raise UsageError(f"keep={_shown(keep)}: needs {EPOCHS.needs}, every:N, or measured.")
    missing = sorted(set(epochs) - there)
    if missing:
        raise UsageError(
            f"keep={_shown(keep)}: run={run.path} has no checkpoint of epoch {_some(missing)};\n"
            f"there are {_some(run.epochs)}."
        )
    return set(epochs)


def _shown(keep: Any) -> str:
    return show(list(keep) if isinstance(keep, Sequence) and not isinstance(keep, str) else keep)


def _epochs_of_tables(run: Run) -> set[int]:
    """The epochs with rows in the run's tables, and in those of its sweep if there is one."""
    folders = [run.path, *([run.path.parent] if is_sweep(run.path.parent) else [])]
    files = [path for folder in folders for path in folder.glob("measurements/*.parquet")]
    # the losses in the table training were computed while training: they need no checkpoint
    return {epoch for path in files if path.stem != "training" for epoch in _epochs_in(path)}


def _epochs_in(path: Path) -> set[int]:
    table = read_table(path)
    return set(table["epoch"].tolist()) if "epoch" in table else set()


def _some(epochs: Sequence[int]) -> str:
    """The first few ``epochs`` as text."""
    return ", ".join(map(str, epochs[:6])) + (f", … {epochs[-1]}" if len(epochs) > 6 else "")
