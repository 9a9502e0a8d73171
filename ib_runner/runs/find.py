"""Finding runs and sweeps under an output root."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ib_runner.errors import IbRunError, UnreadableError, UsageError
from ib_runner.runs.folder import STATE_NAME, Run
from ib_runner.runs.log import logger
from ib_runner.runs.open_sweep import OpenSweep
from ib_runner.runs.opened import OpenedRun
from ib_runner.runs.sweep_folder import SWEEP_NAME, read_sweep

if TYPE_CHECKING:
    from torch import nn

#: states of a folder whose run.json or sweep.json is damaged, or cannot be read
DAMAGED, UNREADABLE = "damaged", "unreadable"


@dataclass(frozen=True)
class Found:
    """A run (in ``runs``), or a sweep of ``n_jobs`` jobs with the ``runs`` that have begun.

    ``trouble`` is "damaged" or "unreadable" with the reason, of a folder that has no runs for that.
    """

    path: Path
    started: str
    runs: tuple[Run, ...]
    n_jobs: int = 1
    trouble: tuple[str, str] | None = None

    @property
    def is_sweep(self) -> bool:
        return is_sweep(self.path)

    @property
    def states(self) -> list[str]:
        """The state of each run; ``damaged`` or ``unreadable`` where the state is unknown."""
        return [self.trouble[0]] if self.trouble else [_state(run)[0] for run in self.runs]

    @property
    def troubles(self) -> list[tuple[str, str]]:
        """(``damaged`` or ``unreadable``, reason) of the folder itself and of each such run."""
        all_of_them = [self.trouble] if self.trouble else [_state(run) for run in self.runs]
        return [(state, why) for state, why in all_of_them if why]

    @property
    def complete(self) -> bool:
        """Whether the training of every run is complete."""
        begun = len(self.runs) == self.n_jobs > 0
        return begun and all(state == "complete" for state in self.states)


def _state(run: Run) -> tuple[str, str]:
    """The state of ``run``, and the reason where that is damaged or unreadable, else ""."""
    try:
        return run.state, ""
    except (IbRunError, OSError) as error:
        return _trouble(error)


def _trouble(error: Exception) -> tuple[str, str]:
    known = isinstance(error, UnreadableError | PermissionError)
    return UNREADABLE if known else DAMAGED, str(error)


def is_sweep(path: str | Path) -> bool:
    """Whether ``path`` is a sweep's folder."""
    return (Path(path) / SWEEP_NAME).is_file()


def open_found(path: str | Path, allow_targets: Sequence[str] = ()) -> Found:
    """The run or sweep at ``path``; ``UsageError`` where there is neither."""
    path = Path(path)
    if not path.is_dir():
        raise UsageError(f"run={path}: no such folder; see `ib-run list`.")
    if is_sweep(path):
        sweep = read_sweep(path)
        begun = [path / name for name in sweep.jobs if (path / name / STATE_NAME).is_file()]
        runs = tuple(Run(job, allow_targets) for job in begun)
        return Found(path, sweep.started, runs, len(sweep.jobs))
    run = Run(path, allow_targets)
    return Found(path, run.info.get("started", ""), (run,))


def find_all(output_root: str | Path) -> list[Found]:
    """Every run and sweep under ``output_root``, oldest first; damaged and unreadable ones last."""
    found = []
    for folder in sorted(Path(output_root).glob("*/*/")):
        try:
            if is_sweep(folder) or (folder / STATE_NAME).is_file():
                found.append(open_found(folder))
        except (IbRunError, OSError, ValueError) as error:
            found.append(Found(folder, "", (), trouble=_trouble(error)))
    return sorted(found, key=lambda one: (one.trouble is not None, one.started))


def find_latest(output_root: str | Path) -> Found:
    """The run or sweep most recently started among those whose training is complete.

    Damaged and unreadable folders are passed over with a warning.
    """
    for one in reversed(find_all(output_root)):
        _warn(one)
        if one.complete:
            return one
    raise UsageError(
        f"output_root={output_root}: no run with a complete training there.\n"
        "Train one with `ib-run train`, or name one with run=PATH."
    )


def _warn(found: Found) -> None:
    for state, why in found.troubles:
        logger.warning("%s: %s, passed over: %s", found.path, state, why.splitlines()[0])


def open_run(
    path: str | Path | None = None,
    *,
    output_root: str | Path = "outputs",
    allow_targets: Sequence[str] = (),
    network: "nn.Module | None" = None,
) -> OpenedRun | OpenSweep:
    """The run or sweep at ``path``, or the newest run with a complete training under
    ``output_root``.

    A sweep has ``.runs``, ``.table(…)`` with the swept keys as columns, and ``.summary(…)``.
    ``allow_targets`` names packages, beside ib_runner and torch, that the saved configuration may
    use, such as that of a recorded run's factory; ``network`` is the network of a recorded run
    without a factory. Raises ``UsageError`` where there is no such run or sweep.
    """
    if path is not None and is_sweep(path):
        return OpenSweep(path, allow_targets)
    if path is not None:
        return OpenedRun(path, allow_targets, network)
    found = find_all(output_root)
    for one in found:
        _warn(one)
    runs = [run for one in found for run in one.runs if _state(run)[0] == "complete"]
    if not runs:
        raise UsageError(f"output_root={output_root}: no run with a complete training there.")
    newest = max(runs, key=lambda run: run.info.get("started", ""))
    return OpenedRun(newest.path, allow_targets, network)
