"""Made-up folders of a run and of a sweep, for reports: state, settings and tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from fake_tables import FakeTables, fake_layers, fake_tables

from ib_runner.tables.files import write_table
from ib_runner.tables.schema import Column
from ib_runner.tables.version import SCHEMA_VERSION

LAST = 100
H_Y = float(np.log(2))
NASTY = 'because </script><script>document.title = "broken"</script> & <b>bold</b>'


def run_folder(path: Path, tables: FakeTables | None = None) -> Path:
    """A complete run with every table, a finding whose ``why`` tries to break out of the page."""
    _begin(path)
    for name, frame in (tables or run_tables()).items():
        folder = path if name == "training" else path / "measurements"
        write_table(folder / f"{name}.parquet", frame, name)
    return path


def run_tables() -> FakeTables:
    """``fake_tables`` with I(Y;T), facts and findings."""
    tables = fake_tables(LAST)
    about_x = tables["mutual_information"]
    share = H_Y / about_x["mi"].max()
    about_y = about_x.assign(
        target="y", **{name: share * about_x[name] for name in ("mi", "lower", "upper")}
    )
    both = pd.concat([about_x, about_y], ignore_index=True)
    both.loc[both["layer"] == 1, "status"] = "saturated"
    tables["mutual_information"] = both
    tables["layers"] = fake_layers()
    epochs = range(1, LAST + 1)
    tables["log"] = pd.DataFrame(
        {"epoch": epochs, "name": "rate", "value": np.geomspace(1, 0.1, LAST)}
    )
    tables["findings"] = pd.DataFrame(
        {
            "finding": ["compression", "rise", "first_peak"],
            "expected": "I(X;T) falls in the end",
            "measured": ["it fell by 3.1 nats", "it did not", "not known"],
            "holds": ["yes", "no", "undecided"],
            "share": [1.0, 0.0, None],
            "n_runs": 1,
            "low": None,
            "high": None,
            "why": [NASTY, "it never fell", "too short"],
        }
    )
    return tables


def sweep_folder(path: Path, betas=(0.005, 0.05), seeds=(0, 1, 2)) -> Path:
    """A sweep over ``noise.beta`` and ``seed``: seed k has I(X;T) lower by 0.1·k nats."""
    jobs, frames = {}, {}
    for beta in betas:
        for seed in seeds:
            name = f"noise.beta-{beta}_seed-{seed}"
            jobs[name] = [f"noise.beta={beta}", f"seed={seed}"]
            _begin(path / name)
            for table, frame in run_tables().without("findings", "density", "parameter").items():
                swept = {"run": name, "noise.beta": beta, "seed": seed}
                frames.setdefault(table, []).append(_moved(frame, beta, seed).assign(**swept))
    extra = {
        "run": Column(pa.string(), key=True),
        "noise.beta": Column(pa.float64()),
        "seed": Column(pa.int64()),
    }
    for table, parts in frames.items():
        together = pd.concat(parts, ignore_index=True)
        (path / "measurements").mkdir(exist_ok=True)
        write_table(path / "measurements" / f"{table}.parquet", together, table, extra=extra)
    sweep = {"stage": "all", "fixed": ["+exp=szt_tanh"], "keys": ["noise.beta", "seed"]}
    sweep |= {"jobs": jobs, "started": "2026-01-01T00:00:00", "schema_version": SCHEMA_VERSION}
    (path / "sweep.json").write_text(json.dumps(sweep))
    return path


def _moved(frame: pd.DataFrame, beta: float, seed: int) -> pd.DataFrame:
    if "n_inputs" in frame:  # facts: the noise that the run was trained with
        return frame.assign(beta=frame["beta"].where(frame["beta"].isna(), beta))
    if "mi" not in frame:
        return frame
    lower = {name: frame[name] - 0.1 * seed - beta for name in ("mi", "lower", "upper")}
    return frame.assign(beta=beta, **lower)


def _begin(path: Path) -> None:
    (path / "measurements").mkdir(parents=True)
    state = {
        "schema_version": SCHEMA_VERSION,
        "state": "complete",
        "experiment": "szt_tanh",
        "seed": 0,
        "started": "2026-01-01T00:00:00",
        "finished": "2026-01-01T00:10:00",
        "packages": {"python": "3.11.7", "torch": "2.13.0"},
        "git": {"revision": "0123456789abcdef", "dirty": False},
        "host": "somewhere",
    }
    (path / "run.json").write_text(json.dumps(state))
    (path / "config.yaml").write_text("experiment: szt_tanh\nnoise:\n  beta: 0.005\n")
