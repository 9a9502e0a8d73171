"""The time until short commands answer, also compared with another checkout.

    python scripts/benchmark_startup.py                            this checkout alone
    python scripts/benchmark_startup.py --beside OTHER             and the checkout in folder OTHER
    python scripts/benchmark_startup.py --beside OTHER --python OTHER/.venv/bin/python
    python scripts/benchmark_startup.py --results results/startup

Each command is run three times, and the fastest counts, in wall-clock and processor seconds;
compare the latter where other programs share the machine.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ib_runner.files.provenance import of_result

HERE = Path(__file__).resolve().parents[1]
TRAIN = ["train", "network.widths=[3,2]", "trainer.epochs=2", "experiment=startup"]
LINES = [
    ["--help"],
    ["list"],
    ["train", "--cfg", "job"],
    ["train", "--help"],
    ["plot", "--dry-run"],
    ["check", "--dry-run"],
    ["trian"],
    ["train", "trainer.epoch=3"],
    ["train", "network.widths=[3,0]"],
    ["all", "measure.methods=[cuopled]"],
    ["measure", "run=nowhere"],
    ["train", "-m", "seed=0,1,-1"],
    ["measure", "seed=4"],
]
TABLE = "import ib_runner; ib_runner.open_run().table('training')"


def seconds(python: str, checkout: Path, arguments: list[str], folder: str) -> tuple[float, float]:
    """Wall-clock seconds and processor seconds, each the least of three runs."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    times = []
    for _ in range(3):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [python, *arguments], cwd=folder, env=environment, capture_output=True, check=False
        )
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        times.append((wall, processor))
    return min(wall for wall, _ in times), min(processor for _, processor in times)


def revision(checkout: Path) -> str:
    """The first digits of the git revision of ``checkout``."""
    words = ["git", "-C", str(checkout), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=Path, help="folder of another checkout")
    parser.add_argument("--python", default=sys.executable, help="the other checkout's interpreter")
    parser.add_argument("--results", type=Path, help="FILE.csv and FILE.json get them as well")
    options = parser.parse_args()
    checkouts = [("here", sys.executable, HERE)]
    if options.beside:
        checkouts.append(("beside", options.python, options.beside.resolve()))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    print("clock/processor, s".ljust(40), *(name.rjust(13) for name, *_ in checkouts))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ib_runner", *TRAIN]
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
        works = {f"ib-run {' '.join(words)}": ["-m", "ib_runner", *words] for words in LINES}
        works["open_run().table('training')"] = ["-c", TABLE]
        for name, arguments in works.items():
            times = [seconds(python, path, arguments, folder) for _, python, path in checkouts]
            print(name.ljust(40), *(f"{wall:.2f}/{cpu:.2f}".rjust(13) for wall, cpu in times))
            found[name] = {
                checkout: one for (checkout, *_), one in zip(checkouts, times, strict=True)
            }
    if options.results:
        # placeholders, so that no paths of this machine are published
        words = ["--beside OTHER", "--python OTHER/.venv/bin/python"] if options.beside else []
        command = " ".join(["python scripts/benchmark_startup.py", *words, "--results FILE"])
        write(options.results, found, of_result(command), checkouts)


def write(
    path: Path,
    found: dict[str, dict[str, tuple[float, float]]],
    made: dict[str, object],
    checkouts: list[tuple[str, str, Path]],
) -> None:
    """Write a row for each command, with the seconds of every checkout, and the provenance."""
    names = [name for name, *_ in checkouts]
    columns = [
        f"{kind}, s (revision {revision(folder)})"
        for *_, folder in checkouts
        for kind in ("clock", "processor")
    ]
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["command", *columns])
        for line, times in found.items():
            rows.writerow([line, *(f"{one:.2f}" for name in names for one in times[name])])
    text = json.dumps(made, indent=2) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
