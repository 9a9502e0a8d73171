"""Kill training, measuring and plotting at random, resume, and compare with an undisturbed run.

    python scripts/kill_trials.py [trials=20] [seed=0] [folder=PATH]

Each stage of each trial gets one or two signals (SIGKILL, SIGTERM, SIGINT) and is then resumed with
`run=PATH` until it has ended. After each signal the folder must be readable and the state in
`run.json` right. In the end checkpoints must have the same bytes, and tables the same values (but
for seconds), as those of the undisturbed run, without partial files. Prints a Markdown tally; exit
status 1 where anything differs. Stages run in forks of this process, which starts no threads.
"""

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from ib_runner import cli
from ib_runner.runs.folder import Run
from ib_runner.stages import measure, plot, train  # noqa: F401 - imported once, for all forks
from ib_runner.tables.schema import table_named

STAGES = ("train", "measure", "plot")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
#: the most processes to start until one or two are killed before they end
TRIES = 5
#: exit statuses that a killed stage may have: complete, interrupted, or killed by the signal
STATUSES = {
    signal.SIGKILL: (0, -signal.SIGKILL),
    signal.SIGTERM: (0, 143, -signal.SIGTERM),
    signal.SIGINT: (0, 130),
}
SMALL = [
    "dataset=points8",
    "dataset.y=[0,0,0,0,1,1,1,1]",
    "network.widths=[3,2]",
    "noise.beta=0.1",
    "trainer.loss=mse",
    "trainer.batch_size=null",
    "trainer.epochs=200",
    "trainer.shard_epochs=30",
    "measure.epochs=[0,1,2,5,10,20,50,100,150,200]",
    "measure.measurements=[mutual_information,binned_entropy,activation_histogram,guarantee]",
    "measure.methods=[coupled]",
    "measure.n_x=32",
    "measure.n_o=16",
    "measure.n_mc=2",
    "measure.n_jobs=1",
    "plot.figures=[losses,mutual_information,binned_entropy]",
    "plot.formats=[png]",
]


class Trials:
    """The runs of all trials, below ``folder``, with counts of kills and all differences."""

    def __init__(self, folder: Path, seed: int):
        self.folder = folder
        self.moments = random.Random(seed)
        self.kills: Counter[tuple[str, str]] = Counter()
        self.through: Counter[str] = Counter()
        self.differences: list[str] = []
        self._in_peace(folder / "warm up")  # compiles
        self.seconds, self.peace = self._in_peace(folder / "peace")

    def _in_peace(self, root: Path) -> tuple[dict[str, float], Path]:
        seconds = {}
        for stage in STAGES:
            start = time.perf_counter()
            status = wait(fork(command(stage, root), log=self.folder / "log"))
            if status:
                sys.exit(f"kill_trials: {stage} ended with {status}; see {self.folder / 'log'}")
            seconds[stage] = time.perf_counter() - start
        return seconds, the_run(root)

    def trial(self, number: int) -> None:
        """One run, killed in every stage."""
        root = self.folder / f"trial-{number}"
        for stage in STAGES:
            left = self.moments.choice((1, 2))
            for _ in range(TRIES):
                through = self._kill(stage, root)
                left -= not through
                # measuring and drawing can be repeated; a completed training cannot
                if left == 0 or (through and stage == "train"):
                    break
            status = wait(fork(command(stage, root), log=self.folder / "log"))
            if status:
                self.differences.append(f"trial {number}: {stage} goes on to status {status}")
                return
        self._check(f"trial {number}", lambda: differences(self.peace, the_run(root)))

    def _kill(self, stage: str, root: Path) -> bool:
        """Start ``stage`` and kill it at a random moment; returns whether it had ended before."""
        number = self.moments.choice(SIGNALS)
        child = fork(command(stage, root), log=self.folder / "log")
        time.sleep(self.moments.uniform(0, self.seconds[stage]))
        through = finished(child)
        os.kill(child, number)
        status = wait(child)
        if status not in STATUSES[number]:
            self.differences.append(f"{root.name}: {stage}, {number.name}: status {status}")
        if status == 0:
            self.through[stage] += 1
            if through:  # the stage is faster than assumed
                self.seconds[stage] *= 0.7
        else:
            self.kills[stage, number.name] += 1
        if the_run(root) is not None:
            states = ("interrupted", "complete") if stage == "train" and status else ("complete",)
            self._check(f"{root.name}, {stage}", lambda: unreadable(the_run(root), states))
        return status == 0

    def _check(self, what: str, check: Callable[[], Iterator[str]]) -> None:
        """Run ``check``, which yields what is wrong, in a fork of its own: it may start threads."""
        answers = self.folder / "answers"

        def answer() -> int:
            answers.write_text("\n".join(check()))
            return 0

        answers.unlink(missing_ok=True)
        if wait(fork(answer, log=self.folder / "log")):
            self.differences.append(f"{what}: the check failed; see {self.folder / 'log'}")
        else:
            wrong = answers.read_text().splitlines()
            self.differences += [f"{what}: {one}" for one in wrong]

    def tally(self, trials: int) -> str:
        """The kills by stage and signal as a Markdown table, and the differences."""
        names = [one.name for one in SIGNALS]
        lines = [
            f"| {trials} trials | {' | '.join(names)} | through before | ",
            "|---" * (len(names) + 2) + "|",
        ]
        for stage in STAGES:
            kills = [str(self.kills[stage, name]) for name in names]
            lines.append(f"| `{stage}` | {' | '.join(kills)} | {self.through[stage]} |")
        found = [f"\n{len(self.differences)} differences found", *self.differences]
        return "\n".join([*(line.strip() for line in lines), *found])


def the_run(root: Path) -> Path | None:
    """The run below ``root``; None where training was killed before there was one."""
    return next((path.parent for path in root.glob("*/*/run.json")), None)


def command(stage: str, root: Path) -> Callable[[], int]:
    """``ib-run STAGE``, on the run below ``root`` if there is one."""
    run = the_run(root)
    words = [f"output_root={root}", *SMALL] if run is None else [f"run={run}"]
    return lambda: cli.main([stage, *words])


def fork(work: Callable[[], int], log: Path) -> int:
    """A child that exits with the status of ``work``; what it prints goes to ``log``."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        status = work()
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def finished(child: int) -> bool:
    """Whether ``child`` has ended; it must still be waited for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait(child: int) -> int:
    """The child's exit status, or −N where signal N ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def unreadable(path: Path, states: tuple[str, ...]) -> Iterator[str]:
    """Unreadable parts of the run at ``path``, and its state if that is not in ``states``."""
    run = Run(path)
    if run.state not in states:
        yield f"the state is {run.state}"
    for epoch in run.epochs:
        run.weights(epoch)
    for file in path.glob("measurements/*.parquet"):
        run.table(file.stem)


def differences(peace: Path, killed: Path) -> Iterator[str]:
    """The differences between the run ``killed`` and the undisturbed run ``peace``."""
    if Run(killed).state != "complete":
        yield f"the state is {Run(killed).state}"
    ours, theirs = files(killed), files(peace)
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield f"{name} is in one of them only"
    for name in sorted(ours.keys() & theirs.keys()):
        if name.endswith(".safetensors") or name.endswith("index.json"):
            if ours[name].read_bytes() != theirs[name].read_bytes():
                yield f"{name} has other bytes"
        elif name.endswith(".parquet"):
            one, other = (values(Run(path), Path(name).stem) for path in (killed, peace))
            if one.duplicated(table_named(Path(name).stem).key).any():
                yield f"{name} has rows with the same key"
            if not one.equals(other):
                yield f"{name} has other values"


def files(path: Path) -> dict[str, Path]:
    """Every file below ``path`` by name, without logs, which may differ."""
    found = (file for file in path.rglob("*") if file.is_file() and file.suffix != ".log")
    return {str(file.relative_to(path)): file for file in found}


def values(run: Run, table: str) -> pd.DataFrame:
    """The table without the columns that may differ."""
    return run.table(table).drop(columns="seconds", errors="ignore")


def main(trials: int, seed: int, folder: Path) -> int:
    """Run the trials; returns the exit status."""
    seen = Trials(folder, seed)
    for number in range(trials):
        seen.trial(number)
        print(f"trial {number}: {len(seen.differences)} differences", file=sys.stderr, flush=True)
    print(seen.tally(trials))
    return 1 if seen.differences else 0


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.get("folder", temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        sys.exit(main(int(given.get("trials", 20)), int(given.get("seed", 0)), folder))
