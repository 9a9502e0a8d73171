"""Does the certified interval hold the truth? Networks whose I(X;T) is known in other ways.

The families of cases are those of ``coverage_families``. Prints, for each family and target, how
often the 95 % interval and each of its sides (97.5 %) hold the truth, and how wide the interval is.
A truth that is a sampled mean is sampled until it is clear on which side of the interval's ends it
lies, and clipped to [0, H]; its remaining error counts against the interval. Every case is appended
to ``--cases-file`` as it ends, and is not run again; the summary, with every case that the interval
missed, is written to ``--output``.

    python scripts/coverage.py [--cases 1120] [--seconds 300] [--seed 1] [--processes 2]
"""

if __name__ != "__main__":
    # numba looks for the package of this name, and beside other scripts finds this file
    raise ImportError("scripts/coverage.py is a script, not the package coverage")

import argparse
import csv
import json
import time
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from unittest import mock

import numba
import numpy as np
import torch
from coverage_families import Case, random_case, truths
from joblib import Parallel, delayed

from ib_runner.files.atomic import write_text
from ib_runner.files.provenance import of_result
from ib_runner.information import estimate_layers
from ib_runner.information.interval import coupled

FIELDS = ("case", "family", "inputs", "layer", "dim", "beta", "target", "width", "budget")
FIELDS += ("lower", "upper", "mi", "n_x", "status", "truth", "truth_stderr", "seconds")
#: target widths (nats) and budgets, one of each for a case: where paths are needed, and elsewhere
_WIDTHS, _BUDGETS = {True: (0.1, 0.2), False: (0.05, 0.1, 0.2)}, {True: (10**8, 3 * 10**8)}
_BUDGETS[False] = (10**7, 10**8)
#: factors of points to sample a truth with, as long as an end is within _CLEAR standard errors
_EFFORTS, _CLEAR = (1, 4, 16), 3.5
#: rounding of intervals and truths, nats
_ROUNDED = 2e-6


def _rows_of(seed: int, number: int) -> list[dict]:
    """The rows of case ``number``, one for each target."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    return _rows(random_case(seed, number), number, seed)


def _rows(case: Case, number: int, seed: int) -> list[dict]:
    rng = np.random.default_rng([seed, number, 1])
    paths = case.by_paths or case.family == "wide nonlinear"
    width, budget = float(rng.choice(_WIDTHS[paths])), int(rng.choice(_BUDGETS[paths]))
    started = time.process_time()
    with mock.patch.object(coupled, "CLOUD_UNITS", 0) if case.by_paths else nullcontext():
        found = estimate_layers(
            case.network,
            case.x,
            y=case.y,
            layers=[case.layer],
            target_width=width,
            budget=budget,
            seed=number,
        )
    seconds = time.process_time() - started
    highest = {"x": _entropy(case.x.numpy()), "y": _entropy(case.y.numpy())}
    for effort in _EFFORTS:
        known = truths(case, number, effort)
        ends = ({one.lower: 0.0, one.upper: highest[one.target]} for one in found)
        if all(_clear(one, *known[k.target]) for one, k in zip(ends, found, strict=True)):
            break
    known = {k: (min(max(mean, 0.0), highest[k]), stderr) for k, (mean, stderr) in known.items()}
    return [
        {
            "case": number,
            "family": case.family,
            "inputs": len(case.x),
            "layer": case.layer,
            "dim": one.dim,
            "beta": f"{one.beta:.4g}",
            "target": one.target,
            "width": width,
            "budget": budget,
            "lower": f"{one.lower:.6f}",
            "upper": f"{one.upper:.6f}",
            "mi": "" if one.mi is None else f"{one.mi:.6f}",
            "n_x": one.n_x,
            "status": one.status.value,
            "truth": f"{known[one.target][0]:.6f}",
            "truth_stderr": f"{known[one.target][1]:.6f}",
            "seconds": f"{seconds:.2f}",
        }
        for one in found
    ]


def _entropy(values: np.ndarray) -> float:
    """The entropy in nats of a row of ``values`` that is chosen uniformly."""
    shares = np.unique(values, axis=0, return_counts=True)[1] / len(values)
    return -float(shares @ np.log(shares))


def _clear(ends: dict[float, float], truth: float, stderr: float) -> bool:
    """Whether no end is within the truth's error, or that error is below 1/50 of the width.

    ``ends``: lower and upper end, each with the value beyond which no truth can be.
    """
    at_stake = [abs(truth - end) for end, trivial in ends.items() if abs(end - trivial) > 1e-9]
    width = max(ends) - min(ends)
    return min(at_stake, default=np.inf) > _CLEAR * stderr or stderr < 0.02 * width


def summary(rows: list[dict]) -> dict[str, dict]:
    """Shares that hold the truth, by family and target, and mean widths (nats)."""
    found = {}
    for family in (*sorted({row["family"] for row in rows}), "all"):
        for target in ("x", "y"):
            these = [r for r in rows if r["target"] == target and family in (r["family"], "all")]
            low, high, truth = (
                np.array([float(row[name]) for row in these])
                for name in ("lower", "upper", "truth")
            )
            above, below = high >= truth - _ROUNDED, low <= truth + _ROUNDED
            found[f"{family}, {target}"] = {
                "cases": len(these),
                "covered": round(float(np.mean(above & below)), 4),
                "upper": round(float(np.mean(above)), 4),
                "lower": round(float(np.mean(below)), 4),
                "mean_width": round(float(np.mean(high - low)), 4),
                "missed": [
                    int(r["case"]) for r, ok in zip(these, above & below, strict=True) if not ok
                ],
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+", help="these cases, printed, not kept")
    parser.add_argument("--processes", type=int, default=1, help="that share the cases")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="then stop")
    parser.add_argument("--cases-file", type=Path, default=Path("results/coverage.csv"))
    parser.add_argument("--output", type=Path, default=Path("results/coverage.json"))
    options = parser.parse_args()
    if options.only:
        for number in options.only:
            for row in _rows_of(options.seed, number):
                print(row)
        return
    options.cases_file.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if options.cases_file.exists():
        with options.cases_file.open() as file:
            done = {int(row["case"]) for row in csv.DictReader(file)}
    else:
        options.cases_file.write_text(",".join(FIELDS) + "\n")
    started = time.monotonic()
    in_time = takewhile(
        lambda _: time.monotonic() - started < options.seconds,
        (number for number in range(options.cases) if number not in done),
    )
    calls = (delayed(_rows_of)(options.seed, number) for number in in_time)
    pool = Parallel(options.processes, return_as="generator_unordered", pre_dispatch="n_jobs")
    for rows in pool(calls):
        with options.cases_file.open("a") as file:
            csv.DictWriter(file, FIELDS).writerows(rows)
    with options.cases_file.open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["case"]) < options.cases]
    found = summary(rows)
    for name, one in found.items():
        missed = f"  missed {one['missed']}" if one["missed"] and "all" not in name else ""
        print(
            f"{name:>26} {one['cases']:>5} cases  both {one['covered']:.3f}  upper "
            f"{one['upper']:.3f}  lower {one['lower']:.3f}  width {one['mean_width']:.4f}{missed}"
        )
    written = {
        **of_result(f"python scripts/coverage.py --cases {options.cases} --seed {options.seed}"),
        "seed": options.seed,
        "families": found,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.output, json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
