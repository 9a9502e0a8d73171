"""Memory, disk and number of files of a long run and of a sweep of many jobs, as Markdown.

    python scripts/long_run.py            10,000 epochs of szt_tanh, 85 measured; a sweep of 50 jobs
    python scripts/long_run.py --quick    200 epochs, 5 measured; a sweep of 4

Memory is that of the process and its children together, start-up included. Only the binned entropy
is measured: it is quick, and memory and files grow with the epochs as for other measurements.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    quick = parser.parse_args().quick
    epochs, measured, jobs = (200, 5, 4) if quick else (10_000, 85, 50)
    measuring = ["measure.measurements=[binned_entropy]"]
    if quick:
        steps = [epochs * k // (measured - 1) for k in range(measured)]
        measuring.append(f"measure.epochs={steps}")
    tiny = ["network.widths=[3,2]", "trainer.epochs=20", f"seed=range({jobs})"]
    print("| what | seconds | memory at 1/4, 1/2, end (MB) | disk | estimated | files |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        train = ["train", f"trainer.epochs={epochs}", *measuring]
        run = row(f"{epochs} epochs of szt_tanh", folder, train)
        row(f"measuring {measured} of them", folder, ["measure", f"run={run}"])
        row(f"a sweep of {jobs} jobs of 20 epochs", folder, ["train", "-m", *tiny])


def row(what: str, folder: str, words: list[str]) -> str:
    """Run ``ib-run`` with ``words`` in ``folder``, print its row; returns the path it ends with."""
    command = [sys.executable, "-m", "ib_runner", *(word.replace(" ", "") for word in words)]
    told = subprocess.run(
        [*command, "--dry-run"], cwd=folder, capture_output=True, text=True, check=True
    )
    before, start = disk(Path(folder)), time.monotonic()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        memory: list[float] = []
        watcher = threading.Thread(target=watch, args=(process.pid, memory))
        watcher.start()
        out, _ = process.communicate()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: status {process.returncode}")
    seconds, (size, files) = time.monotonic() - start, disk(Path(folder))
    marks = [memory[int(share * (len(memory) - 1))] / 1e6 for share in (0.25, 0.5, 0.95)]
    print(
        f"| {what} | {seconds:.0f} | {', '.join(f'{mark:.0f}' for mark in marks)} | "
        f"{(size - before[0]) / 1e6:.2f} MB | {estimated(told.stdout) / 1e6:.2f} MB | "
        f"{files - before[1]} |",
        flush=True,
    )
    return out.splitlines()[-1]


def watch(pid: int, memory: list[float]) -> None:
    """Memory of the process and its children, every half second until it ends."""
    try:
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            family = [process, *process.children(recursive=True)]
            memory.append(sum(one.memory_info().rss for one in family))
            time.sleep(0.5)
    except psutil.NoSuchProcess:
        pass


def disk(folder: Path) -> tuple[int, int]:
    """Bytes and number of all files below ``folder``."""
    sizes = [os.path.getsize(path) for path in folder.rglob("*") if path.is_file()]
    return sum(sizes), len(sizes)


def estimated(told: str) -> float:
    """The bytes in the last line of the output ``told`` of ``--dry-run`` that names a size."""
    sizes = re.findall(r"([\d.]+(?:e[+-]?\d+)?) (kB|MB|GB)", told)
    return float(sizes[-1][0]) * UNITS[sizes[-1][1]]


if __name__ == "__main__":
    main()
