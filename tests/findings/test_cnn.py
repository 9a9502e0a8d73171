"""Findings about the CNN: Table 1, cosine similarities, near-injectivity, units, distances."""

import numpy as np
import pandas as pd
import pytest
from fake_sweep import ALIKE, FALL, UNRELATED, fake_sweep, slopes
from fake_tables import FakeTables, fake_layers

from ib_runner.findings.cosine_order import (
    SimilarityAboveChance,
    SimilarityFalls,
    SimilarityInside,
)
from ib_runner.findings.entropy_slope import UnitSlope
from ib_runner.findings.finding import Outcome
from ib_runner.findings.misclassification import ErrorsDifference, Table1Errors
from ib_runner.findings.near_injective import NearInjective
from ib_runner.findings.overlap import DistanceOverlap, ModeRatio
from ib_runner.selections.context import Context, Runs
from ib_runner.selections.table1 import DROPPED_MAPS, TABLE_1, Condition

CONTEXT = Context(experiment="fake")
SWEEP = fake_sweep()


def judge(kind, tables, context=CONTEXT, **keys) -> Outcome:
    return kind(expected="as in the paper", **keys)(tables, context)


def judge_sweep(kind, sweep=SWEEP, **keys) -> Outcome:
    return kind(expected="as in the paper", **keys).over_runs(*sweep)


def training(errors: float, epoch: int = 128) -> FakeTables:
    rows = {"epoch": [0, epoch], "split": "test", "errors": [9000, errors]}
    return FakeTables(training=pd.DataFrame(rows))


def test_conditions_sort_and_read_as_in_table_1():
    assert list(TABLE_1) == sorted(TABLE_1)
    assert [str(one) for one in TABLE_1] == [
        "deterministic", "β = 0.05", "β = 0.1", "β = 0.2", "β = 0.5", "dropout, p = 0.2",
        "dropout of maps, p = 0.2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "errors", "holds"),
    [
        (Condition(), 50, "yes"),
        (Condition(), 64, "no"),
        (Condition(beta=0.2), 64, "yes"),
        (Condition(p=0.2), 50, "yes"),
        (Condition(p=0.2), 51, "no"),
        (Condition(p=0.2, feature_maps=True), 50, "yes"),
        (Condition(beta=0.3), 50, "undecided"),
    ],
)
def test_errors_are_held_against_the_row_of_the_runs_own_condition(condition, errors, holds):
    kind = DROPPED_MAPS if condition.feature_maps else None
    layers = fake_layers(condition.beta, p=condition.p, kind=kind)
    bounds = {"at_least": -3, "at_most": 3, "min_epoch": 128}
    tables = FakeTables(training(errors), layers=layers)
    assert judge(Table1Errors, tables, **bounds).holds == holds
    short = FakeTables(training(errors, 2), layers=layers)
    assert judge(Table1Errors, short, **bounds).holds == "undecided"


def test_difference_of_errors_over_seeds_has_an_interval():
    # by hand: 86 ± 9.8 less 50 ± 4.6 at −1, 0, 1 standard deviations: 30.8, 36, 41.2
    half = 4.302653 * 5.2 / 3**0.5
    assert judge_sweep(ErrorsDifference, beta=0.2, at_least=36 - half - 0.01).holds == "yes"
    assert judge_sweep(ErrorsDifference, beta=0.2, at_least=36 - half + 0.01).holds == "undecided"
    assert judge_sweep(ErrorsDifference, beta=0.2, at_least=36 + half + 0.01).holds == "no"
    outcome = judge_sweep(ErrorsDifference, beta=0.2, at_least=0)
    assert outcome.measured == "+36.0 ± 12.9 (95 %) over 3 seeds at epoch 128"


def test_difference_of_errors_needs_both_conditions_and_two_seeds():
    some = fake_sweep([Condition(), Condition(beta=0.1)])
    assert judge_sweep(ErrorsDifference, some, p=0.2, at_most=0).holds == "undecided"
    one = fake_sweep([Condition(), Condition(beta=0.1)], seeds=[0])
    assert judge_sweep(ErrorsDifference, one, beta=0.1, at_most=0).holds == "undecided"
    short = fake_sweep(last=2)
    outcome = judge_sweep(ErrorsDifference, short, beta=0.1, at_most=99, min_epoch=128)
    assert outcome.holds == "undecided"


def test_one_short_run_makes_the_difference_undecided():
    tables, runs = fake_sweep()
    table = tables["training"]
    first = table["run"] == table["run"].iloc[0]
    tables["training"] = table.assign(epoch=table["epoch"].mask(first, table["epoch"] // 64))
    outcome = judge_sweep(ErrorsDifference, (tables, runs), beta=0.1, at_most=99, min_epoch=128)
    assert outcome.holds == "undecided"
    assert outcome.why == "a run ends at epoch 2, this is about epoch 128"


def test_similarity_falls_with_noise():
    outcome = judge_sweep(SimilarityFalls, at_most=0)
    assert outcome.holds == "yes"
    assert outcome.measured.startswith("β = 0.05: 0.940 0.825 0.770 0.965; β = 0.1: ")
    assert outcome.measured.endswith("(layers 1, 2, 3, 4)")
    # the least fall is layer 4's, from β = 0.05 to 0.1
    assert judge_sweep(SimilarityFalls, at_most=-0.05 * FALL.min() + 1e-4).holds == "yes"
    assert judge_sweep(SimilarityFalls, at_most=-0.05 * FALL.min() - 1e-4).holds == "no"
    one = fake_sweep([Condition(), Condition(beta=0.1), Condition(p=0.2)])
    assert judge_sweep(SimilarityFalls, one, at_most=0).holds == "undecided"


def test_similarity_is_lowest_inside():
    assert judge_sweep(SimilarityInside, inside=[2, 3], at_most=0).holds == "yes"
    assert judge_sweep(SimilarityInside, inside=[1, 4], at_most=0).holds == "no"
    assert judge_sweep(SimilarityInside, inside=[2, 5], at_most=0).holds == "undecided"


def test_similarity_above_that_of_different_seeds():
    least = (ALIKE - 0.1 * FALL - UNRELATED)[:3].min()
    above = {"layers": [1, 2, 3], "most_beta": 0.1}
    logits = above | {"layers": [4]}
    assert judge_sweep(SimilarityAboveChance, **logits, at_least=least - 1e-4).holds == "no"
    assert (
        judge_sweep(SimilarityAboveChance, **above | {"layers": [5]}, at_least=0).holds
        == "undecided"
    )
    assert judge_sweep(SimilarityAboveChance, **above, at_least=least - 1e-4).holds == "yes"
    assert judge_sweep(SimilarityAboveChance, **above, at_least=least + 1e-4).holds == "no"
    one_seed = fake_sweep(seeds=[0])
    assert judge_sweep(SimilarityAboveChance, one_seed, **above, at_least=0).holds == "undecided"


SIMILARITIES = {
    SimilarityFalls: {},
    SimilarityInside: {"inside": [2, 3]},
    SimilarityAboveChance: {"layers": [1], "most_beta": 0.1},
}


@pytest.mark.parametrize("kind", SIMILARITIES)
def test_similarities_that_the_tables_do_not_tell(kind):
    keys = SIMILARITIES[kind] | {"at_most": 9.0}
    noisy = fake_sweep([Condition(), Condition(beta=0.1)])
    without = Runs((), {run: one for run, one in noisy[1].contexts.items() if "β" in run})
    for sweep, why in [
        ((FakeTables(), SWEEP[1]), "there is no table"),
        (fake_sweep(last=2), "ends at epoch 2"),
        ((noisy[0], without), "no run without noise"),
    ]:
        outcome = judge_sweep(kind, sweep, **keys, min_epoch=128)
        assert outcome.holds == "undecided"
        assert why in outcome.why


def entropies(values: list[float]) -> FakeTables:
    """Whole layers 1 to 3 at epochs 0, 1, …; units and other widths must not matter."""
    rows = [
        {"epoch": epoch, "layer": layer, "unit": unit, "bin_width": width, "entropy": entropy}
        for epoch, value in enumerate(values)
        for layer in (1, 2, 3)
        for unit, width, entropy in ((None, 1.0, value), (0, 1.0, 0.5), (None, 0.1, 0.5))
    ]
    return FakeTables(
        binned_entropy=pd.DataFrame(rows).astype({"unit": "Int64"}),
        layers=fake_layers(0.0, np.log(10_000)),
    )


def test_near_injective():
    keys = {"layers": [1, 2, 3], "bin_width": 1.0, "at_most": 0.1}
    outcome = judge(NearInjective, entropies([9.21, 9.12, 9.2]), **keys)
    assert outcome.holds == "yes"
    assert outcome.measured == ("9.120 nats or more (least in layer 1, epoch 1), H(X) = 9.210")
    assert judge(NearInjective, entropies([9.21, 9.10]), **keys).holds == "no"
    more = keys | {"layers": [1, 4]}
    assert judge(NearInjective, entropies([9.21]), **more).holds == "undecided"


def test_slopes_at_the_width_where_they_are_largest():
    tables = slopes({1e-4: [-0.003, -0.005], 1e-1: [-0.001, -0.002]})
    mean = {"layer": 3, "statistic": "mean", "min_epoch": 128}
    outcome = judge(UnitSlope, tables, **mean, at_least=-0.0015 - 1e-9, at_most=-0.0015 + 1e-9)
    assert outcome.holds == "yes"
    assert outcome.measured == (
        "mean -0.004 (width 0.0001, 100 % of units fall); -0.0015 (width 0.1, 100 % of units fall)"
    )
    sd = {"layer": 3, "statistic": "sd"}
    outcome = judge(UnitSlope, tables, **sd, at_least=0.001 - 1e-9, at_most=0.001 + 1e-9)
    assert outcome.holds == "yes"
    assert judge(UnitSlope, tables, **mean | {"layer": 2}, at_most=0).holds == "undecided"
    short = slopes({1e-4: [-0.003]}, last=2)
    assert judge(UnitSlope, short, **mean, at_most=0).holds == "undecided"
    with pytest.raises(ValueError, match="statistic=median"):
        UnitSlope(layer=3, statistic="median", expected="", at_most=0)


def distances() -> FakeTables:
    """Within and between: half in common in layer 0, nothing in layer 1; epochs 0 and 5."""
    counts = {
        (0, "within"): [2, 2, 0, 0], (0, "between"): [0, 3, 3, 0],
        (1, "within"): [4, 0, 0, 0], (1, "between"): [0, 0, 2, 7],
    }  # fmt: skip
    edges = np.arange(5) / 2
    frames = [
        pd.DataFrame({"left": edges[:-1], "right": edges[1:], "count": count}).assign(
            epoch=epoch, layer=layer, pairs=pairs, density=np.array(count) / sum(count) / 0.5
        )
        for epoch in (0, 5)
        for (layer, pairs), count in counts.items()
    ]
    return FakeTables(distance_histogram=pd.concat(frames))


def test_overlap_of_distances():
    tables = distances()
    half = {"layers": [0], "at_least": 0.5 - 1e-9, "at_most": 0.5 + 1e-9}
    assert judge(DistanceOverlap, tables, **half).holds == "yes"
    both = judge(DistanceOverlap, tables, layers=[0, 1], at_most=0.4)
    assert (both.holds, both.measured) == ("no", "0.50 in layer 0, 0.00 in layer 1 at epoch 5")
    assert judge(DistanceOverlap, tables, layers=[0, 1], at_least=0.4).holds == "no"
    assert judge(DistanceOverlap, tables, layers=[1], epoch=0, at_most=0.1).holds == "yes"
    for keys in ({"layers": [1], "epoch": 1}, {"layers": [2]}, {"layers": [1], "min_epoch": 6}):
        assert judge(DistanceOverlap, tables, **keys, at_most=0.1).holds == "undecided"


def test_modes_of_distances():
    # layer 1: modes in the first and the last bin
    ratio = {"layer": 1, "at_least": 0.25 / 1.75 - 1e-9, "at_most": 0.25 / 1.75 + 1e-9}
    assert judge(ModeRatio, distances(), **ratio).holds == "yes"
    assert judge(ModeRatio, distances(), layer=7, at_most=1).holds == "undecided"
