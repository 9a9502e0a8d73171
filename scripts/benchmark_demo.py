"""The demo (`make demo`) by an older checkout and by this one, in turn: what each stage costs.

    python scripts/benchmark_demo.py OLD [--output results/demo.json] [--only PART …]
        [--epochs EPOCH …] [--run FOLDER]

OLD is a checkout of this repository with its own ``.venv``. Times are processor time of all
processes and threads, and seconds by the clock. Each part is run by both checkouts, one after the
other, on the same run of ``szt_tanh``, which OLD trains (or ``--run``). PART:

- first_use: the time to compile the kernels: certified intervals of 256 inputs, one thread, with an
  empty cache, minus the same with a full cache;
- train, measure, plot: the stages of ``ib-run``, all 10,000 epochs; ``--epochs`` are those measured
  instead of the experiment's own;
- points: the certified intervals of all layers and both targets at four epochs, one thread, with
  their mean width;
- wheel: installing the committed revision's wheel, and ``ib-run all +exp=neuron_tanh`` with it,
  nothing compiled before. The packages that it needs are those of the checkout's ``.venv``.
"""

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ib_runner.files.atomic import write_text
from ib_runner.files.provenance import of_result

NEW = Path(__file__).resolve().parents[1]
PARTS = ("first_use", "train", "measure", "plot", "points", "wheel")
PROCESSOR, CLOCK = "seconds of the processor", "seconds by the clock"
_EPOCHS = 10_000
#: of the intervals that are timed alone
_POINTS = (0, 30, 1000, 10_000)
_FIRST = """
import sys, ib_runner, torch
torch.set_num_threads(1)
run = ib_runner.open_run(sys.argv[1])
data = run.dataset().all
ib_runner.information.estimate_layers(run.network(run.epochs[-1]), data.x[:256], y=data.y[:256])
"""
_ESTIMATE = """
import json, sys, time, ib_runner, torch
from ib_runner.information import estimate_layers
torch.set_num_threads(1)
run = ib_runner.open_run(sys.argv[1])
data, epochs = run.dataset().all, json.loads(sys.argv[2])
estimate_layers(run.network(epochs[-1]), data.x[:256], y=data.y[:256])
seconds, clock, widths = 0.0, 0.0, []
for epoch in epochs:
    started, on_clock = time.process_time(), time.monotonic()
    found = estimate_layers(run.network(epoch), data.x, y=data.y, seed=epoch)
    seconds += time.process_time() - started
    clock += time.monotonic() - on_clock
    widths += [e.upper - e.lower for e in found]
print(json.dumps([seconds, clock, sum(widths) / len(widths)]))
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
            # as for a user, modules are not parsed again by each process
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def run(self, *words: str) -> tuple[str, dict[str, float]]:
        """Standard output of the interpreter with ``words``, and the seconds that it took."""
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
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
        clock, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return done.stdout, {PROCESSOR: seconds, CLOCK: clock}

    def stage(self, *words: str) -> tuple[Path, dict[str, float]]:
        """The path in the last line that ``ib-run`` prints, and the seconds that it took."""
        out, seconds = self.run("-m", "ib_runner", *words)
        return self.work / out.splitlines()[-1], seconds

    def revision(self) -> str:
        """The checkout's revision, as git names it."""
        words = ["git", "-C", str(self.root), "describe", "--always", "--dirty"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def first_use(one: Checkout, run: Path, epochs: Sequence[int]) -> dict[str, float]:
    """What compiling costs before a first interval."""
    shutil.rmtree(one.work / "numba", ignore_errors=True)
    (_, cold), (_, warm) = (one.run("-c", _FIRST, str(run)) for _ in range(2))
    return {name: cold[name] - warm[name] for name in cold}


def copied(run: Path, to: Path) -> Path:
    """A copy of ``run`` at ``to``, replacing a folder there."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(run, to))


def train(one: Checkout, run: Path, epochs: Sequence[int]) -> dict[str, float]:
    """The network of the demonstration."""
    return one.stage("train", f"trainer.epochs={_EPOCHS}")[1]


def measure(one: Checkout, run: Path, epochs: Sequence[int]) -> dict[str, float]:
    """All tables of ``run``, kernels being compiled."""
    one.run("-c", _FIRST, str(run))
    copy = copied(run, one.work / "measured")
    chosen = [f"measure.epochs=[{','.join(map(str, epochs))}]"] if epochs else []
    return one.stage("measure", f"run={copy}", *chosen)[1]


def plot(one: Checkout, run: Path, epochs: Sequence[int]) -> dict[str, float]:
    """The figures of what ``measure`` measured."""
    return one.stage("plot", f"run={one.work / 'measured'}")[1]


def points(one: Checkout, run: Path, epochs: Sequence[int]) -> dict[str, float]:
    """The certified intervals alone, and how wide they are."""
    out, _ = one.run("-c", _ESTIMATE, str(run), json.dumps(_POINTS))
    return dict(zip((PROCESSOR, CLOCK, "mean width, nats"), json.loads(out), strict=True))


def wheel(one: Checkout, run: Path, epochs: Sequence[int]) -> dict[str, float]:
    """From the wheel to the figures of the tanh neuron."""
    place = one.work / "wheel"
    source = place / "source"
    source.mkdir(parents=True)
    archive = ["git", "-C", str(one.root), "archive", f"--output={place / 'source.tar'}", "HEAD"]
    subprocess.run(archive, check=True)
    shutil.unpack_archive(place / "source.tar", source)
    words = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(place)]
    one.run("-m", "pip", "wheel", *words, str(source))
    shutil.rmtree(source)
    one.run("-m", "venv", str(place / "venv"))
    (packages,) = (place / "venv").glob("lib/*/site-packages")
    theirs, _ = one.run("-c", "import sys; print(*(p for p in sys.path if 'packages' in p))")
    (packages / "packages.pth").write_text("\n".join(theirs.split()) + "\n")
    alone = Checkout(one.root, place)
    alone.python = place / "venv" / "bin" / "python"
    (built,) = place.glob("*.whl")
    words = ["--quiet", "--no-deps", "--ignore-installed"]  # also where the checkout itself is
    _, installing = alone.run("-m", "pip", "install", *words, str(built))
    _, running = alone.stage("all", "+exp=neuron_tanh")
    return {name: installing[name] + running[name] for name in running}


def compare(
    part: str, both: Sequence[Checkout], run: Path, epochs: Sequence[int]
) -> list[tuple[str, str, float, float]]:
    """Each figure of ``part``, printed: the older checkout's, and this one's."""
    old, new = (globals()[part](one, run, epochs) for one in both)
    rows = [(part, name, old[name], new[name]) for name in old]
    for _, name, was, now in rows:
        print(f"{part:>10}  {name:<22} {was:>9.3f} {now:>9.3f} {now / was:>7.2f}", flush=True)
    return rows


def keep(
    path: Path,
    rows: Sequence[tuple[str, str, float, float]],
    both: Sequence[Checkout],
    made: Mapping[str, object],
) -> None:
    """Write ``rows`` as a table beside ``path``, and what ``made`` them into it."""
    old, new = (one.revision() for one in both)
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["stage", "what", f"revision {old}", f"revision {new}", "ratio"])
        for part, name, was, now in rows:
            table.writerow([part, name, f"{was:.3f}", f"{now:.3f}", f"{now / was:.2f}"])
    write_text(path.with_suffix(".json"), json.dumps(made, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, metavar="PART")
    parser.add_argument("--epochs", type=int, nargs="+", default=[], help="those measured")
    parser.add_argument("--run", type=Path, help="a finished szt_tanh run instead of training one")
    parser.add_argument("--output", type=Path, help="FILE.json, and FILE.csv beside it")
    options = parser.parse_args()
    only = [part for part in PARTS if part in options.only]
    if "plot" in only and "measure" not in only:
        parser.error("plot draws what measure measured: name both")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        both = []
        for name, root in (("old", options.old.resolve()), ("new", NEW)):
            (Path(folder) / name).mkdir()
            both.append(Checkout(root, Path(folder) / name))
        run = options.run or both[0].stage("train", f"trainer.epochs={_EPOCHS}")[0]
        print(f"{'':>34} {'old':>9} {'new':>9}   ratio", flush=True)
        rows = []
        for part in only:
            rows += compare(part, both, run.resolve(), options.epochs)
        if options.output is not None:
            words = ["scripts/benchmark_demo.py OLD --output results/demo.json"]
            words += ["--only", *only] if only != [*PARTS] else []
            words += ["--epochs", *map(str, options.epochs)] if options.epochs else []
            # what it began with: the benchmark is itself a load
            made = {**of_result(" ".join(words)), "load average": round(load, 1)}
            keep(options.output, rows, both, made)


if __name__ == "__main__":
    sys.exit(main())
