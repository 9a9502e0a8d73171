"""Copying the small results of a sweep into files for a repository.

    python scripts/bring_home.py SWEEP FOLDER

FOLDER gets as CSV each table of the sweep, and the jobs' ``training`` tables in one (tables above
``MOST_BYTES`` are left out and named); the sweep's figures; and ``made_by.json`` with revision,
packages, machine and state of every job.
"""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd

from ib_runner.files.atomic import make_folder, write_json, write_text
from ib_runner.tables.files import read_table

MOST_BYTES = 2_000_000
FACTS = ("state", "seed", "started", "finished", "git", "packages", "host", "device", "threads")


def main(sweep: Path, folder: Path) -> None:
    """Copy the results of ``sweep`` to ``folder``; prints the names of tables that are left out."""
    make_folder(folder)
    jobs = sorted(path.parent for path in sweep.glob("*/run.json"))
    tables = {path.stem: read_table(path) for path in (sweep / "measurements").glob("*.parquet")}
    trained = [job for job in jobs if (job / "training.parquet").is_file()]
    if trained:
        parts = [read_table(job / "training.parquet").assign(run=job.name) for job in trained]
        tables["training"] = pd.concat(parts, ignore_index=True)
    for name, table in sorted(tables.items()):
        text = table.to_csv(index=False, float_format="%.9g")
        if len(text) > MOST_BYTES:
            print(f"{name}: {len(text)} bytes as CSV, left out", file=sys.stderr)
            continue
        write_text(folder / f"{name}.csv", text)
    for path in sorted((sweep / "figures").glob("*.p[dn][fg]")):
        shutil.copyfile(path, folder / path.name)
    states = {job.name: json.loads((job / "run.json").read_text()) for job in jobs}
    made = {
        name: {key: state[key] for key in FACTS if key in state} for name, state in states.items()
    }
    write_json(folder / "made_by.json", made)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
