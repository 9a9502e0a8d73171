"""The demonstration by an older checkout and by this one, in turn: ratios of processor time.

    python scripts/benchmark_demo.py OLD [--epochs 0 10 300 10000] [--only PART …] [--repeats 2]

OLD is a checkout of this repository with its own ``.venv``. What counts is processor time, of all
processes and threads; each part is run by both, one after the other, as often as asked for, and the
least time counts. PART:

- first_use: what compiling costs, a first estimate with an empty cache less one with a full cache;
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
from pathlib import Path

NEW = Path(__file__).resolve().parents[1]
PARTS = ("first_use", "points", "train", "measure", "plot")
_ESTIMATE = """
import json, sys, time, ib_runner, torch
from ib_runner.information import estimate_layers
torch.set_num_threads(1)
run = ib_runner.open_run(sys.argv[1])
data, epochs = run.dataset().all, json.loads(sys.argv[2])
started = time.process_time()
estimate_layers(run.network(epochs[-1]), data.x[:256], y=data.y[:256])
first, seconds, widths = time.process_time() - started, 0.0, []
for epoch in epochs if len(sys.argv) > 3 else []:
    started = time.process_time()
    found = estimate_layers(run.network(epoch), data.x, y=data.y, seed=epoch)
    seconds += time.process_time() - started
    widths += [e.upper - e.lower for e in found]
print(json.dumps([first, seconds, sum(widths) / max(len(widths), 1)]))
"""


class Checkout:
    """The interpreter of a checkout, with a folder of its own for compiled code."""

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

    def estimate(self, run: Path, epochs: list[int], *, all_inputs: bool) -> list[float]:
        """Seconds of a first estimate, of those at ``epochs``, and their mean width, nats."""
        words = ["-c", _ESTIMATE, str(run), json.dumps(epochs), *(["all"] if all_inputs else [])]
        return json.loads(self.run(*words)[0])

    def stage(self, *words: str) -> tuple[Path, float]:
        """The path that ``ib-run`` names last, and the processor seconds it took."""
        out, seconds = self.run("-m", "ib_runner", *words)
        return Path(out.splitlines()[-1]), seconds


def first_use(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    shutil.rmtree(one.work / "numba", ignore_errors=True)
    cold, warm = (one.estimate(run, epochs, all_inputs=False)[0] for _ in range(2))
    return {"compiling, s": cold - warm}


def points(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    _, seconds, width = one.estimate(run, epochs, all_inputs=True)
    return {"seconds": seconds, "mean width, nats": width}


def train(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    return {"seconds": one.stage("train", f"trainer.epochs={epochs[-1]}")[1]}


def measure(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    copy = one.work / "measured"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    chosen = f"measure.epochs=[{','.join(map(str, epochs))}]"
    return {"seconds": one.stage("measure", f"run={copy}", chosen)[1]}


def plot(one: Checkout, run: Path, epochs: list[int]) -> dict[str, float]:
    return {"seconds": one.stage("plot", f"run={one.work / 'measured'}")[1]}


def compare(part: str, both: list[Checkout], run: Path, epochs: list[int], repeats: int) -> None:
    """A line for each figure of ``part``: the older checkout's, this one's, and their ratio."""
    found = [[globals()[part](one, run, epochs) for one in both] for _ in range(repeats)]
    for name in found[0][0]:
        old, new = (min(pair[k][name] for pair in found) for k in (0, 1))
        print(f"{part:>10}  {name:<18} {old:>9.3f} {new:>9.3f} {new / old:>7.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("--epochs", type=int, nargs="+", default=[0, 10, 300, 10_000])
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, metavar="PART")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--run", type=Path, help="a finished szt_tanh run instead of training one")
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
            compare(part, both, run.resolve(), epochs, options.repeats)


if __name__ == "__main__":
    sys.exit(main())
