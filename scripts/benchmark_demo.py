"""The demo (`make demo`) by an older checkout and by this one, in turn: ratios of processor time.

    python scripts/benchmark_demo.py OLD [--epochs 0 10 300 10000] [--only PART …] [--repeats 2]
        [--output results/demo.json]

OLD is a checkout of this repository with its own ``.venv``. Times are processor time of all
processes and threads. Each part is run by both checkouts in turn, ``--repeats`` times, and the
least time counts. PART:

- first_use: the time to compile the kernels: measuring two epochs on all processors with an empty
  cache, minus the same with a full cache; processor seconds, and seconds by the clock;
- points: the certified intervals of all layers and both targets, one thread; and their mean width;
- train, measure, plot: the stages of ``ib-run``. A network is trained once, by OLD, for as many
  epochs as the last of ``--epochs``, and measured at these.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ib_runner.files.atomic import write_text

NEW = Path(__file__).resolve().parents[1]
PARTS = ("first_use", "points", "train", "measure", "plot")
_ESTIMATE = """
import json, sys, time, ib_runner, torch
from ib_runner.information import estimate_layers
torch.set_num_threads(1)
run = ib_runner.open_run(sys.argv[1])
data, epochs = run.dataset().all, json.loads(sys.argv[2])
estimate_layers(run.network(epochs[-1]), data.x[:256], y=data.y[:256])
seconds, widths = 0.0, []
for epoch in epochs:
    started = time.process_time()
    found = estimate_layers(run.network(epoch), data.x, y=data.y, seed=epoch)
    seconds += time.process_time() - started
    widths += [e.upper - e.lower for e in found]
print(json.dumps([seconds, sum(widths) / len(widths)]))
"""


class Checkout:
    """A checkout's interpreter, with its own cache of compiled code."""

    def __init__(self, root: Path, work: Path):
        self.root = root
        self.work = work
        self.python = root / ".venv" / "bin" / "python"
        self.environment = {
            **os.environ,
            "NUMBA_CACHE_DIR": str(work / "numba"),
            "OMP_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
        }

    def run(self, *words: str) -> tuple[str, float]:
        """Standard output of the interpreter with ``words``, and its processor seconds."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [self.python, *words],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.root}: {' '.join(words[:4])}\n{done.stderr[-2000:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return done.stdout, seconds

    def estimates(self, run: Path, epochs: list[int]) -> list[float]:
        """Seconds of the certified intervals at ``epochs``, and their mean width, nats."""
        return json.loads(self.run("-c", _ESTIMATE, str(run), json.dumps(epochs))[0])

    def revision(self) -> str:
        """The checkout's revision, as git names it."""
        words = ["git", "-C", str(self.root), "describe", "--always", "--dirty"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    def stage(self, *words: str) -> tuple[Path, float]:
        """The path in the last line that ``ib-run`` prints, and its processor seconds."""
        out, seconds = self.run("-m", "ib_runner", *words)
        return Path(out.splitlines()[-1]), seconds


def first_use(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    shutil.rmtree(one.work / "numba", ignore_errors=True)
    one.environment["NUMBA_NUM_THREADS"] = str(os.cpu_count())
    found = []
    for _ in range(2):
        copy = copied(run, one.work / "first")
        started = time.monotonic()
        _, seconds = one.stage("measure", f"run={copy}", f"measure.epochs=[0,{epochs[-1]}]")
        found.append((seconds, time.monotonic() - started))
    one.environment["NUMBA_NUM_THREADS"] = "1"
    (cold, cold_clock), (warm, warm_clock) = found
    return {"processor seconds": cold - warm, "seconds by the clock": cold_clock - warm_clock}


def copied(run: Path, to: Path) -> Path:
    """A copy of ``run`` at ``to``, replacing a folder there."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(run, to))


def points(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    seconds, width = one.estimates(run, epochs)
    return {"seconds": seconds, "mean width, nats": width}


def train(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    return {"seconds": one.stage("train", f"trainer.epochs={epochs[-1]}")[1]}


def measure(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    copy = copied(run, one.work / "measured")
    chosen = f"measure.epochs=[{','.join(map(str, epochs))}]"
    return {"seconds": one.stage("measure", f"run={copy}", chosen)[1]}


def plot(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    return {"seconds": one.stage("plot", f"run={one.work / 'measured'}")[1]}


def compare(
    part: str, both: list[Checkout], run: Path, epochs: list[int], repeats: int
) -> dict[str, dict[str, float]]:
    """Each figure of ``part``, printed: the older checkout's, this one's, and their ratio."""
    found = [[globals()[part](one, run, epochs) for one in both] for _ in range(repeats)]
    lines = {}
    for name in found[0][0]:
        old, new = (min(pair[k][name] for pair in found) for k in (0, 1))
        print(f"{part:>10}  {name:<20} {old:>9.3f} {new:>9.3f} {new / old:>7.2f}", flush=True)
        lines[name] = {"old": round(old, 3), "new": round(new, 3), "ratio": round(new / old, 3)}
    return lines


def keep(
    path: Path, part: str, both: list[Checkout], epochs: list[int], lines: dict[str, Any]
) -> None:
    """Add the results of ``part`` to the file ``path``, with their provenance."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known[part] = {
        "command": " ".join(["scripts/benchmark_demo.py", *sys.argv[1:]]),
        "revisions": {one.work.name: one.revision() for one in both},
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors",
        "date": time.strftime("%Y-%m-%d"),
        "epochs": epochs,
        "figures": lines,
    }
    write_text(path, json.dumps(known, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("--epochs", type=int, nargs="+", default=[0, 10, 300, 10_000])
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, metavar="PART")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--run", type=Path, help="a finished szt_tanh run instead of training one")
    parser.add_argument("--output", type=Path, help="a JSON file; parts that are in it stay")
    options = parser.parse_args()
    epochs = sorted(options.epochs)
    with tempfile.TemporaryDirectory() as folder:
        both = []
        for name, root in (("old", options.old.resolve()), ("new", NEW)):
            (Path(folder) / name).mkdir()
            both.append(Checkout(root, Path(folder) / name))
        run = options.run
        if run is None:
            run = both[0].work / both[0].stage("train", f"trainer.epochs={epochs[-1]}")[0]
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, epochs")
        print(f"{epochs}\n{'':>31} {'old':>9} {'new':>9}   ratio", flush=True)
        for part in options.only:
            lines = compare(part, both, run.resolve(), epochs, options.repeats)
            if options.output is not None:
                keep(options.output, part, both, epochs, lines)


if __name__ == "__main__":
    sys.exit(main())
