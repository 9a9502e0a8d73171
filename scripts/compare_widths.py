"""Certified intervals of a run, as its table has them, beside those that this checkout finds.

    python scripts/compare_widths.py RUN [--epochs 0 10 300 10000] [--room 0.002]

RUN was measured by an older checkout. Prints a line for every epoch, layer and target whose
interval is now more than ``--room`` nats and a tenth of its width wider, or whose ends contradict
the older ones; then medians, and processor time.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

import ib_runner
from ib_runner.information import estimate_layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--epochs", type=int, nargs="+", help="default: all that were measured")
    parser.add_argument("--room", type=float, default=0.002, help="nats")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run = ib_runner.open_run(options.run)
    data, table = run.dataset().all, run.table("mutual_information")
    table = table[(table["method"] == "coupled") & table["upper"].notna()]
    old = {(row.epoch, row.layer, row.target): row for row in table.itertuples()}
    before, after, wider, apart = [], [], 0, 0
    started = time.process_time()
    for epoch in options.epochs or sorted({key[0] for key in old}):
        for one in estimate_layers(run.network(epoch), data.x, y=data.y, seed=epoch):
            was = old[(epoch, one.layer, one.target)]
            before.append(was.upper - was.lower)
            after.append(one.upper - one.lower)
            is_wider = after[-1] > 1.1 * before[-1] and after[-1] > before[-1] + options.room
            is_apart = one.lower > was.upper or one.upper < was.lower
            wider, apart = wider + is_wider, apart + is_apart
            if is_wider or is_apart:
                print(
                    f"epoch {epoch:>5} layer {one.layer} {one.target} [{was.lower:.4f}, "
                    f"{was.upper:.4f}] now [{one.lower:.4f}, {one.upper:.4f}]",
                    flush=True,
                )
    ratio = statistics.median(b / a for a, b in zip(before, after, strict=True) if a > 0)
    print(
        f"{len(after)} intervals: {wider} wider, {apart} contradict each other; median width "
        f"{statistics.median(before):.4f}, now {statistics.median(after):.4f} nats, median ratio "
        f"{ratio:.3f}; largest {max(before):.4f}, now {max(after):.4f}; "
        f"{time.process_time() - started:.1f} s of processor"
    )


if __name__ == "__main__":
    main()
