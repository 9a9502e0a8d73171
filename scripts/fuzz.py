"""Try random networks, inputs and noise levels, and add the counts to results/fuzz.json.

    python scripts/fuzz.py [EXAMPLES] [SEED]

tests/support/random_networks.py has the properties that each estimate must have. The file has an
entry for each seed; the totals are over all entries of this revision.
"""

import json
import platform
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

from ib_runner.files import provenance

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "results" / "fuzz.json"
sys.path.insert(0, str(ROOT / "tests" / "support"))
from random_networks import cases, check  # noqa: E402 - found by the line above


def main(examples: int, number: int) -> None:
    """Try ``examples`` random cases of seed ``number``."""
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

    one()
    piece = {
        "command": f"python scripts/fuzz.py {examples} {number}",
        "date": time.strftime("%Y-%m-%d"),
        "minutes": round((time.monotonic() - started) / 60, 1),
        **counts,
        "faults": faults,
    }
    write(number, piece)
    print(f"{dict(counts)}, {len(faults)} faults")


def write(number: int, piece: dict[str, Any]) -> None:
    """Write ``piece``, the results of seed ``number``, and the totals of this revision."""
    revision = provenance.git_revision()
    old = json.loads(PATH.read_text()) if PATH.is_file() else {}
    pieces = old.get("pieces", {}) if old.get("revision") == revision else {}
    pieces = dict(sorted({**pieces, str(number): piece}.items(), key=lambda one: int(one[0])))
    totals: Counter[str] = Counter()
    for one in pieces.values():
        totals.update({key: value for key, value in one.items() if type(value) is int})
        totals["faults"] += len(one["faults"])
    summary = {
        "revision": revision,
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        **totals,
        "minutes": round(sum(one["minutes"] for one in pieces.values())),
        "pieces": pieces,
    }
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    main(*(words + [500, 0][len(words) :]))
