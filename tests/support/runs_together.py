"""A measurement, a figure and a finding about several runs, as a user would write them."""

import pandas as pd

from ib_runner.figures.style import COLUMN, new_figure, styled
from ib_runner.findings.finding import FindingOverRuns, Quantity


class SquaredWeights:
    """One row for each pair of neighbours: its count is the number of their weights."""

    table = "cosine_similarity"

    def select(self, epochs):
        return list(epochs)[-1:]

    def over_runs(self, snapshots):
        (a, one), (b, other) = snapshots.items()
        count = sum(p.numel() for s in (one, other) for p in s.network.parameters())
        row = {"epoch": one.epoch, "layer": 1, "run_a": a, "run_b": b, "count": count}
        return pd.DataFrame([{**row, "left": 0.0, "right": 1.0, "density": 1.0}])


class Losses:
    tables_needed = ("training",)
    keys_needed = ("seed",)

    @styled
    def over_runs(self, tables, runs):
        figure = new_figure(COLUMN, 2.0)
        axes = figure.subplots()
        for _, rows in tables("training").query("split == 'test'").groupby(list(runs.keys)):
            axes.plot(rows["epoch"], rows["loss"])
        return figure


class NeedsBeta(Losses):
    keys_needed = ("noise.beta",)


class NumberOfRuns(FindingOverRuns):
    quantity = "the number of runs"

    def measure(self, tables, runs):
        found = tables("training")["run"].nunique()
        assert set(runs.contexts) == set(tables("training")["run"])
        return Quantity(f"{found} runs", found, found)
