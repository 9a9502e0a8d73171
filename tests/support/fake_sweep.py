"""Made-up tables of a sweep over conditions and seeds with the CNN of section 8.3."""

import numpy as np
import pandas as pd
from fake_tables import FakeTables, fake_layers

from ib_runner.selections.context import Context, Runs
from ib_runner.selections.table1 import DROPPED_MAPS, TABLE_1, Condition, Errors

LAYERS = (1, 2, 3, 4)
#: mean similarities of layers 1 to 4: without noise, and by how much β = 1 lowers them
ALIKE, FALL = np.array([0.95, 0.85, 0.8, 0.97]), np.array([0.2, 0.5, 0.6, 0.1])
UNRELATED = np.array([0.3, 0.1, 0.0, 0.7])
N_INPUTS = 400
#: those of conditions that Table 1 lacks
ERRORS = Errors(3977, 1728)


def fake_sweep(conditions=tuple(TABLE_1), seeds=(0, 1, 2), last=128) -> tuple[FakeTables, Runs]:
    """The tables ``training`` and ``cosine_similarity``, and the facts about the runs.

    The errors are Table 1's means, spread by −sd, 0 and sd over seeds 0, 1 and 2; ``ERRORS`` where
    Table 1 lacks the condition.
    """
    contexts = {
        f"{condition}_{seed}": Context(experiment="fake", seed=seed)
        for condition in conditions
        for seed in seeds
    }
    trained = dict(zip(contexts, [one for one in conditions for _ in seeds], strict=True))
    tables = FakeTables(
        training=_training(contexts, trained, last),
        cosine_similarity=_cosines(contexts, trained, last),
        layers=pd.concat(
            fake_layers(one.beta, np.log(N_INPUTS), p=one.p, kind=_kind(one)).assign(run=run)
            for run, one in trained.items()
        ),
    )
    return tables, Runs(keys=("condition", "seed"), contexts=contexts)


def _kind(condition: Condition) -> str | None:
    return DROPPED_MAPS if condition.feature_maps else None


def _training(
    contexts: dict[str, Context], trained: dict[str, Condition], last: int
) -> pd.DataFrame:
    rows = []
    for run, context in contexts.items():
        mean, sd = TABLE_1.get(trained[run], ERRORS)
        for epoch, errors in ((0, 9000), (last, mean + sd * (context.seed - 1))):
            head = {"run": run, "epoch": epoch, "loss": 0.1, "accuracy": 1 - errors / 10_000}
            rows += [
                {**head, "split": "train", "errors": 0},
                {**head, "split": "test", "errors": errors},
            ]
    return pd.DataFrame(rows)


def mean_similarity(condition: Condition) -> np.ndarray:
    """The made-up mean cosine similarity of each layer with the network without noise."""
    return ALIKE - FALL * (condition.beta or 0.1 * condition.p)


def _cosines(
    contexts: dict[str, Context], trained: dict[str, Condition], last: int
) -> pd.DataFrame:
    edges = np.linspace(-1, 1, 201)
    middles = (edges[1:] + edges[:-1]) / 2
    frames = []
    for a, one in contexts.items():
        for b, other in contexts.items():
            if a >= b:
                continue
            if one.seed == other.seed and Condition() in (trained[a], trained[b]):
                means = mean_similarity(max(trained[a], trained[b]))
            elif one.seed != other.seed and trained[a] == trained[b] == Condition():
                means = UNRELATED
            else:
                continue
            for layer, mean in zip(LAYERS, means, strict=True):
                counts = _counts(middles, mean)
                frames.append(
                    pd.DataFrame(
                        {"epoch": last, "layer": layer, "run_a": a, "run_b": b}
                        | {"left": edges[:-1], "right": edges[1:], "count": counts}
                    )
                )
    if not frames:
        return pd.DataFrame()
    table = pd.concat(frames, ignore_index=True)
    return table.assign(density=table["count"] / (N_INPUTS * 0.01))


def _counts(middles: np.ndarray, mean: float) -> np.ndarray:
    """N_INPUTS values in the two bins around ``mean``, whose mean is exactly that."""
    upper = int(np.searchsorted(middles, mean))
    share = (mean - middles[upper - 1]) / (middles[upper] - middles[upper - 1])
    counts = np.zeros(len(middles), dtype=int)
    counts[upper] = round(share * N_INPUTS)
    counts[upper - 1] = N_INPUTS - counts[upper]
    return counts


def slopes(values: dict[float, list[float]], last=128) -> FakeTables:
    """Slopes of layer 3's units by bin width, and the entropies that they are about."""
    rows = [
        {"layer": 3, "unit": unit, "bin_width": width, "slope": slope, "intercept": 5.0}
        for width, column in values.items()
        for unit, slope in enumerate(column)
    ]
    units = pd.DataFrame(rows)[["layer", "unit", "bin_width"]].astype({"unit": "Int64"})
    entropies = pd.concat([units.assign(epoch=epoch, entropy=5.0) for epoch in (1, last)])
    return FakeTables(entropy_slope=pd.DataFrame(rows), binned_entropy=entropies)
