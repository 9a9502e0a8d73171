"""The similarity of noisy networks to the deterministic one, by condition and layer (Fig. 3)."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ib_runner.findings.finding import FindingOverRuns, Quantity, Undecidable
from ib_runner.selections.context import Runs, Tables
from ib_runner.selections.similarity import Similarities, mean_by_layer, similarities
from ib_runner.selections.table1 import Condition


class Similarity(FindingOverRuns):
    """A finding about cosine similarities with the network without noise of the same seed, at the
    last epoch of the table.
    """

    def found(self, tables: Tables, runs: Runs) -> tuple[Similarities, pd.DataFrame]:
        """All similarities, and their mean by layer (rows) and condition (columns, by noise)."""
        found = self._similarities(tables, runs)
        if found.reference != Condition():
            raise Undecidable("there is no run without noise to compare with")
        if not found.related:
            raise Undecidable("no run has the seed of one without noise")
        means = [mean_by_layer(rows) for rows in found.related.values()]
        return found, pd.concat(means, axis="columns", keys=map(str, found.related))

    def _similarities(self, tables: Tables, runs: Runs) -> Similarities:
        for name in ("cosine_similarity", "layers"):
            self.table(tables, name)  # raises Undecidable where the table is missing or too short
        return similarities(tables, runs.contexts)


class SimilarityFalls(Similarity):
    """The largest rise of the mean similarity from one β to the next larger one, over layers."""

    quantity = "the largest rise of the mean similarity from one β to the next"

    def measure(self, tables: Tables, runs: Runs) -> Quantity:
        found, means = self.found(tables, runs)
        means = means[[str(condition) for condition in found.related if condition.beta]]
        if means.shape[1] < 2:
            raise Undecidable("runs with two values of β > 0 are needed")
        rise = float(means.diff(axis="columns").iloc[:, 1:].max(axis=None))
        return Quantity(_listed(means), rise, rise)


class SimilarityInside(Similarity):
    """The highest mean similarity of a layer in ``inside`` minus the lowest of all other layers.

    Means are over all conditions.
    """

    def __init__(self, inside: Sequence[int], **bounds: Any):
        super().__init__(**bounds)
        self.inside = list(inside)
        named = ", ".join(map(str, inside))
        self.quantity = f"the highest mean similarity of layers {named} less the others' lowest"

    def measure(self, tables: Tables, runs: Runs) -> Quantity:
        means = self.found(tables, runs)[1].mean(axis="columns")
        chosen = means.index.isin(self.inside)
        if chosen.sum() < len(self.inside) or chosen.all():
            raise Undecidable(f"the table has layers {', '.join(map(str, means.index))}")
        difference = float(means[chosen].max() - means[~chosen].min())
        return Quantity(_listed(means.to_frame("all")), difference, difference)


class SimilarityAboveChance(Similarity):
    """The smallest difference between the mean similarity and its baseline.

    The minimum is over ``layers`` and conditions with β up to ``most_beta``; the baseline is the
    mean similarity of networks of different seeds. ``layers`` must be hidden: a logit stands for
    the same class in every network, so that it has no baseline.
    """

    def __init__(self, layers: Sequence[int], most_beta: float, **bounds: Any):
        super().__init__(**bounds)
        self.layers = list(layers)
        self.most_beta = most_beta
        named = ", ".join(map(str, layers))
        self.quantity = f"the least mean similarity above that of other seeds in layers {named}"

    def measure(self, tables: Tables, runs: Runs) -> Quantity:
        found, means = self.found(tables, runs)
        if found.unrelated.empty:
            raise Undecidable("runs with two seeds are needed")
        means = means[[str(one) for one in found.related if one.beta <= self.most_beta]]
        baseline = mean_by_layer(found.unrelated)
        if not set(self.layers) <= set(means.index):
            raise Undecidable(f"the table has layers {', '.join(map(str, means.index))}")
        above = float(means.sub(baseline, axis="index").loc[self.layers].min(axis=None))
        return Quantity(_listed(means.assign(baseline=baseline)), above, above)


def _listed(means: pd.DataFrame) -> str:
    """Conditions with the mean similarities of layers 1, 2, …"""
    parts = [
        f"{name}: {' '.join(f'{value:.3f}' for value in column)}" for name, column in means.items()
    ]
    return f"{'; '.join(parts)} (layers {', '.join(map(str, means.index))})"
