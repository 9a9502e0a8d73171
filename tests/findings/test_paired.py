"""Findings about the difference of two experiments, paired by seed."""

from functools import partial

import numpy as np
import pytest
from fake_tables import FakeTables, fake_experiments

from ib_runner.findings.paired import PairedDifference
from ib_runner.findings.trajectory import Compression
from ib_runner.selections.context import Runs

TABLES, RUNS = fake_experiments({"plain": True, "parseval": False})
EXTRA = {"plain": [0.0, 0.3, 0.6], "parseval": [0.0, 0.1, 0.2]}


def judge(tables, runs=RUNS, more="plain", less="parseval", **bounds):
    of = partial(Compression, layer=5)
    return PairedDifference(
        more, less, of, expected="as in the paper", **(bounds or {"at_least": 0})
    ).over_runs(tables, runs)


@pytest.fixture
def differing():
    """Layer 5 ends lower by EXTRA in each seed."""
    table = TABLES["mutual_information"].copy()
    for name, extra in EXTRA.items():
        for seed, lower in enumerate(extra):
            rows = (table["exp"] == name) & (table["seed"] == seed) & (table["epoch"] == 10_000)
            table.loc[rows, ["mi", "lower", "upper"]] -= lower
    return FakeTables(TABLES, mutual_information=table)


def test_the_mean_difference_of_pairs_with_students_interval(differing):
    # layer 5 falls by 3.1 with compression and by 0.1 without; the pairs add 0, 0.2 and 0.4
    falls = np.array([3.0, 3.2, 3.4])
    half = 4.302653 * falls.std(ddof=1) / np.sqrt(3)  # t_2 at 97.5 %
    outcome = judge(differing)
    assert outcome.holds == "yes"
    assert (outcome.low, outcome.high) == pytest.approx((3.2 - half, 3.2 + half), abs=1e-6)
    assert outcome.measured.endswith("of the pairs 3, 3.2, 3.4")
    # 3.2 ± 0.49683, rounded away from each other
    assert outcome.measured.startswith("mean 3.2 [2.7, 3.7] of")
    assert outcome.why.endswith("it is between 2.703 and 3.697")
    assert judge(differing, more="parseval", less="plain").holds == "no"
    assert judge(differing, at_least=3.2).holds == "undecided"


def test_runs_of_other_seeds_are_no_pairs(differing):
    table = differing["training"]
    alone = table[~((table["exp"] == "parseval") & (table["seed"] == 2))]
    contexts = {run: one for run, one in RUNS.contexts.items() if run != "exp-parseval_seed-2"}
    outcome = judge(FakeTables(differing, training=alone), Runs(RUNS.keys, contexts))
    assert outcome.measured.endswith("of the pairs 3, 3.2")


def test_a_pair_that_cannot_tell_is_counted(differing):
    table = differing["mutual_information"]
    table = table[table["run"] != "exp-plain_seed-1"]
    outcome = judge(FakeTables(differing, mutual_information=table))
    assert outcome.measured.endswith("of the pairs 3, 3.4; 1 pairs cannot tell")


def test_undecided_without_pairs():
    assert judge(TABLES, less="relu").why == "the sweep has no runs of relu"
    one, runs = fake_experiments({"plain": True, "parseval": False}, n_seeds=1)
    assert judge(one, runs).why == "1 pairs of runs, an interval needs two"
    outcome = judge(TABLES.without("mutual_information"))
    assert outcome.holds == "undecided"
    assert "there is no table mutual_information" in outcome.why
