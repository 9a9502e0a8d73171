"""Numbers for the documentation from a measured run: ``results/NAME.csv`` with its provenance.

    python scripts/results_of_run.py run=RUN name=NAME [epochs=0,10,100] [figure=fig5]

A row for each of the epochs (three, evenly spaced on a logarithmic axis, if none are named) with
I(X;T) of every layer and its certified interval; beside it, in ``NAME.json``, how many intervals
there are and how wide, and the run's experiment, seed, revision, machine and date. Where the run
was checked, ``NAME_findings.csv`` has its findings; ``figure`` goes to ``docs/``.
"""

import csv
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ib_runner.report.reduce import spread
from ib_runner.report.source import read_source
from ib_runner.wording import interval_text

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"


def main(run: str, name: str, epochs: str = "", figure: str = "") -> None:
    source = read_source(run)
    rows = source.tables["mutual_information"].query("method == 'coupled'")
    about_x = rows[rows["target"] == "x"]
    measured = np.unique(about_x["epoch"])
    chosen = [int(one) for one in epochs.split(",") if one] or spread(measured, 3).tolist()
    layers = sorted(about_x["layer"].unique())
    RESULTS.mkdir(exist_ok=True)
    head = ["epoch", *(f"I(X;T_{layer}) [lower, upper], nats" for layer in layers)]
    table = []
    for epoch in chosen:
        at = about_x[about_x["epoch"] == epoch].set_index("layer")
        table.append(
            [epoch]
            + [
                f"{at.mi[one]:.3f} {interval_text(at.lower[one], at.upper[one], 3)}"
                for one in layers
            ]
        )
    width = rows["upper"] - rows["lower"]
    facts, git = source.facts, source.facts.get("git", {})
    made = {
        "command": f"ib-run all +exp={facts['experiment']}; scripts/results_of_run.py name={name}",
        "experiment": facts["experiment"],
        "seed": facts["seed"],
        "epochs trained": int(source.tables["training"]["epoch"].max()),
        "intervals": len(rows),
        "median width (nats)": round(float(width.median()), 4),
        "largest width (nats)": round(float(width.max()), 4),
        "revision": git.get("revision"),
        "machine": f"{facts.get('platform')}, {facts.get('threads')} threads",
        "date": str(facts.get("finished"))[:10],
    }
    _write(name, head, table, made)
    if "findings" in source.tables:
        columns = ["finding", "expected", "measured", "holds", "why"]
        verdicts = source.tables["findings"][columns].fillna("").to_numpy().tolist()
        _write(f"{name}_findings", columns, verdicts, made)
    if figure:
        shutil.copy(Path(run) / "figures" / f"{figure}.png", ROOT / "docs")


def _write(name: str, head: Sequence[str], rows: Sequence[Sequence[Any]], made: Any) -> None:
    """Write ``results/NAME.csv``, and its provenance to ``results/NAME.json``."""
    with (RESULTS / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    text = json.dumps(made, indent=2, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(**dict(word.split("=", 1) for word in sys.argv[1:]))
