"""Try random networks, inputs and noise levels; write what came of it to results/fuzz.json.

    python scripts/fuzz.py [EXAMPLES] [SEED]

What must hold of each is in tests/support/random_networks.py.
"""

import json
import platform
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from ib_runner.files import provenance

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from random_networks import cases, check  # noqa: E402 - found by the line above


def main(examples: int, number: int) -> None:
    """Try ``examples`` cases, a function of ``number``; the summary is written as it grows."""
    counts: Counter[str] = Counter()
    faults: list[dict[str, str]] = []
    started = time.monotonic()
    torch.set_num_threads(1)

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def one(case):
        counts["examples"] += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                counts.update(check(case))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            faults.append({"case": str(case), "what": what})
        if counts["examples"] % 100 == 0:
            write()

    def write() -> None:
        summary = {
            "command": f"python scripts/fuzz.py {examples} {number}",
            "revision": provenance.git_revision(),
            "machine": platform.processor() or platform.machine(),
            "date": time.strftime("%Y-%m-%d"),
            "minutes": round((time.monotonic() - started) / 60, 1),
            **counts,
            "faults": faults,
        }
        path = ROOT / "results" / "fuzz.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n")

    one()
    write()
    print(f"{dict(counts)}, {len(faults)} faults")


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    main(*(words + [10_000, 0][len(words) :]))
