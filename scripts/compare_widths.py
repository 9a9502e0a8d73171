"""Certified intervals of a run's layers by an older revision and by this one, compared.

    python scripts/compare_widths.py RUN --before CHECKOUT [--epochs 0 10 300] [--every 1]
        [--room 0.002] [--output results/widths.json]

Each epoch is measured by both, one after the other, with one thread and the same seed; the older
one by the interpreter in ``CHECKOUT/.venv``. Prints a line for every epoch, layer and target whose
interval is now more than ``--room`` nats and a tenth of its width wider, or whose ends contradict
the older ones, then medians, means and processor time; all intervals go to the output.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

import ib_runner
from ib_runner.information import estimate_layers


def measure(path: Path) -> None:
    """Print the intervals of each epoch that is read from standard input, a line for each epoch.

    The first epoch is for compiling the kernels.
    """
    torch.set_num_threads(1)
    # an older revision's log lines must not be mixed with the results
    with contextlib.redirect_stdout(sys.stderr):
        run = ib_runner.open_run(path)
        data = run.dataset().all
        estimate_layers(run.network(0), data.x, y=data.y, seed=0)
    print("ready", flush=True)
    for line in sys.stdin:
        epoch, started = int(line), time.process_time()
        with contextlib.redirect_stdout(sys.stderr):
            found = estimate_layers(run.network(epoch), data.x, y=data.y, seed=epoch)
        seconds = time.process_time() - started
        rows = [[one.layer, one.target, one.lower, one.upper] for one in found]
        print(json.dumps({"seconds": seconds, "rows": rows}), flush=True)


class _Revision:
    """A process of one checkout that measures epochs of ``run``."""

    def __init__(self, python: Path, cwd: Path, run: Path):
        command = [python, Path(__file__).resolve(), run.resolve(), "--measure"]
        threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | threads,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._process.stdout.readline()

    def at(self, epoch: int) -> dict:
        self._process.stdin.write(f"{epoch}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def _summary(rows: list[dict], room: float) -> dict:
    before = [row["before"][1] - row["before"][0] for row in rows]
    now = [row["now"][1] - row["now"][0] for row in rows]
    pairs = list(zip(before, now, strict=True))
    ratios = [b / a for a, b in pairs if a > 0]
    return {
        "intervals": len(rows),
        "wider_by_a_tenth": sum(b > 1.1 * a and b > a + room for a, b in pairs),
        "contradict": sum(
            row["now"][0] > row["before"][1] or row["now"][1] < row["before"][0] for row in rows
        ),
        "mean_width": {"before": statistics.mean(before), "now": statistics.mean(now)},
        "largest_width": {"before": max(before), "now": max(now)},
        "median_ratio": statistics.median(ratios),
        "largest_difference": max(b - a for a, b in pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    parser.add_argument("--epochs", type=int, nargs="+", help="default: those a run measures")
    parser.add_argument("--every", type=int, default=1, help="of them only every so many")
    parser.add_argument("--room", type=float, default=0.002, help="nats")
    parser.add_argument("--output", type=Path, default=Path("results/widths.json"))
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.run)
        return
    # imported here, as an older checkout that runs this script may lack the modules
    from ib_runner.files.atomic import write_text
    from ib_runner.measurements.epochs import measured_epochs

    run = ib_runner.open_run(options.run)
    epochs = measured_epochs(options.epochs, run.epochs)[:: options.every]
    here = Path(__file__).resolve().parents[1]
    old = _Revision(options.before / ".venv" / "bin" / "python", options.before, options.run)
    new = _Revision(Path(sys.executable), here, options.run)
    rows, seconds = [], {"before": 0.0, "now": 0.0}
    for epoch in epochs:
        was, one = old.at(epoch), new.at(epoch)
        seconds["before"] += was["seconds"]
        seconds["now"] += one["seconds"]
        for (layer, target, *then), (*_, lower, upper) in zip(
            was["rows"], one["rows"], strict=True
        ):
            row = {"epoch": epoch, "layer": layer, "target": target}
            rows.append({**row, "before": then, "now": [lower, upper]})
            found = _summary(rows[-1:], options.room)
            if found["wider_by_a_tenth"] or found["contradict"]:
                print(
                    f"epoch {epoch:>5} layer {layer} {target} [{then[0]:.4f}, {then[1]:.4f}] "
                    f"now [{lower:.4f}, {upper:.4f}]",
                    flush=True,
                )
    old.close()
    new.close()
    found = _summary(rows, options.room) | {"processor_seconds": seconds}
    print(json.dumps(found, indent=1))
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=here
    )
    environment = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "revision": revision.stdout.strip(),
        "epochs": len(epochs),
        "room": options.room,
    }
    written = {"environment": environment, "summary": found, "rows": rows}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.output, json.dumps(written) + "\n")


if __name__ == "__main__":
    main()
