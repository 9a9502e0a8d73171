"""How noise or regularization affect accuracy: test accuracy against the swept values of a sweep.

    python scripts/sweep_accuracy.py run=SWEEP

SWEEP is a sweep over noise.beta (section 3.2 tunes it like this), regularizer.alpha (section 8.1),
condition, …; its runs that differ in their seed alone share a row. Accuracies are those on the test
inputs at the end of training.
"""

import argparse
from pathlib import Path

import pandas as pd

from ib_runner.runs.find import open_found
from ib_runner.runs.sweep_folder import read_sweep, swept_values


def accuracies(path: Path) -> pd.DataFrame:
    """The swept values without the seed, and over seeds: number of runs, mean, least, largest."""
    sweep, rows = read_sweep(path), []
    keys = [key for key in sweep.keys if key != "seed"]
    for run in open_found(path).runs:
        training = run.table("training")
        last = training[(training.split == "test") & (training.epoch == training.epoch.max())]
        overrides = sweep.overrides(run.path.name)
        rows.append(swept_values(run.config, keys, overrides) | {"accuracy": last.accuracy.item()})
    found = pd.DataFrame(rows).groupby(keys, dropna=False)["accuracy"]
    return found.agg(runs="count", mean="mean", least="min", largest="max").reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run=SWEEP")
    table = accuracies(Path(parser.parse_args().run.removeprefix("run=")))
    print(table.to_string(index=False, float_format="{:.5g}".format))


if __name__ == "__main__":
    main()
