"""Processor time of an epoch of `ib-run train`, another revision's and this one's in turn.

    python scripts/benchmark_epochs.py OTHER_PYTHON [rounds] [results/training.json]

OTHER_PYTHON has the other revision of ib-run installed. After a warm-up each process trains twice
by the command line, into a temporary folder: for a few epochs and for many. The difference of both
times is that of the epochs alone, with steps, losses, checkpoints and table. Ratios are those of
the same round.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

FEW, MANY = 10, 1510
WORK = """
import sys, time
from ib_runner import cli
from ib_runner.files.provenance import git_revision
def train(epochs):
    start = time.process_time()
    status = cli.main(["train", "+exp=szt_tanh", f"output_root={sys.argv[1]}/out", "device=cpu",
                       f"trainer.epochs={epochs}"])
    assert status == 0
    return time.process_time() - start
few, many = int(sys.argv[2]), int(sys.argv[3])
train(few)
seconds = train(few), train(many)
print("RESULT", (seconds[1] - seconds[0]) / (many - few) * 1e3, git_revision()["revision"])
"""


def milliseconds(python: str) -> tuple[float, str]:
    """Milliseconds of processor time of an epoch, and the revision that ran."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # each interpreter has its own cache of compiled code for all rounds
            "NUMBA_CACHE_DIR": f"{tempfile.gettempdir()}/epochs_{zlib.crc32(python.encode())}",
        }
        done = subprocess.run(
            [python, "-c", WORK, folder, str(FEW), str(MANY)],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    _, time, revision = done.stdout.strip().splitlines()[-1].split()
    return float(time), revision


def processor() -> str:
    """The processor's name (on Linux), and its widest vector instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    flags = facts.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "")
    return f"{facts.get('model name', platform.machine())}, {os.cpu_count()} cores, {vectors}"


def main(other: str, rounds: int, path: str | None) -> None:
    """Print each round and the medians; write them to ``path``, if given."""
    pairs = []
    for number in range(rounds):
        (theirs, old), (ours, new) = milliseconds(other), milliseconds(sys.executable)
        pairs.append((theirs, ours))
        print(f"round {number + 1}: {theirs:.3f} ms, {ours:.3f} ms, ratio {ours / theirs:.3f}")
    found = {
        "what": "processor time of an epoch of szt_tanh, ib-run train, everything included, in ms",
        "other": {"revision": old, "ms": [round(a, 4) for a, _ in pairs]},
        "this": {"revision": new, "ms": [round(b, 4) for _, b in pairs]},
        "ratio": round(median(b / a for a, b in pairs), 4),
        "machine": processor(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    print(json.dumps(found, indent=2))
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]) if len(sys.argv) > 2 else 3,
        sys.argv[3] if len(sys.argv) > 3 else None,
    )
