"""Findings about tiny networks, whose information is known exactly."""

import math

import numpy as np
import pandas as pd
import pytest
from fake_tables import FakeTables, fake_layers

from ib_runner.findings.noise_levels import FallAtLargestNoise
from ib_runner.findings.pairwise import PairwiseBounds
from ib_runner.findings.parameters import Ratio
from ib_runner.findings.resolvable import ResolvableClusters, n_modes
from ib_runner.findings.steps import Spikes, Steps, steps
from ib_runner.findings.trajectory import GapToInput
from ib_runner.selections.context import Context

BETA = 0.01
CONTEXT = Context(experiment="fake")
LAYERS = fake_layers(BETA, math.log(4))


def information(values, epochs=None, method="quadrature", beta=BETA) -> pd.DataFrame:
    epochs = epochs or [0, *(10**k for k in range(len(values) - 1))]
    mi = np.array(values)
    table = pd.DataFrame({"epoch": epochs, "layer": 1, "target": "x", "method": method})
    return table.assign(beta=beta, mi=mi, stderr=0.0, lower=mi, upper=mi)


def judge(kind, *tables, context=CONTEXT, **keys):
    together = FakeTables(mutual_information=pd.concat(tables, ignore_index=True), layers=LAYERS)
    return kind(layer=1, expected="as in the paper", **keys)(together, context)


def test_the_exact_values_count_where_they_are_known():
    rough = information([0.0, 0.9, 0.5], method="coupled")
    outcome = judge(GapToInput, information([0.0, 1.36, 0.5]), rough, at_most=0.05)
    assert outcome.holds == "yes"
    assert outcome.low == outcome.high == pytest.approx(math.log(4) - 1.36)
    assert judge(GapToInput, rough, at_most=0.05).holds == "no"


def test_two_steps():
    two = information([0.0, 1.38, 1.38, 1.04, 1.04, 0.56])
    outcome = judge(Steps, two, at_least=2, at_most=2)
    assert outcome.holds == "yes"
    assert outcome.measured == (
        "2 steps: by 0.34 nats from epoch 10 to 100; by 0.48 nats from epoch 1000 to 10000"
    )
    one = information([0.0, 1.38, 1.04, 0.56])
    assert judge(Steps, one, at_least=2, at_most=2).holds == "no"
    assert judge(Steps, information([0.0, 0.5, 1.0]), at_least=2).measured == "no step"


def test_slow_or_small_falls_are_no_steps():
    epochs = [1, 10, 100]
    # 0.2 nats a decade are less than 0.1 nats within a factor e
    assert steps(information([1.0, 0.8, 0.6], epochs)) == []
    assert steps(information([1.0, 0.7, 0.7], epochs)) == [(1, 10, pytest.approx(0.3))]
    assert steps(information([1.0, 0.85, 0.85], [1, 2, 100])) == []


def test_spikes():
    spiky = information([0.5, 1.0, 0.8, 1.2, 0.7])
    assert judge(Spikes, spiky, swing=0.1, at_least=2).measured == "peaks at epoch 1, 100"
    assert judge(Spikes, spiky, swing=0.1, at_least=3).holds == "no"
    assert judge(Spikes, spiky, swing=0.6, at_most=0).measured == "no peak"


def gaussians(centres, epoch, beta=BETA) -> pd.DataFrame:
    t = np.arange(-1.2, 1.2, beta / 2)
    p = sum(np.exp(-0.5 * ((t - c) / beta) ** 2) for c in centres)
    return pd.DataFrame({"epoch": epoch, "layer": 1, "t": t, "density": p})


@pytest.mark.parametrize(
    ("centres", "modes"),
    [([0.0], 1), ([0.0, 1.9 * BETA], 1), ([0.0, 3 * BETA], 2), ([-1, -0.5, 0.5, 1], 4)],
)
def test_modes_of_a_density(centres, modes):
    assert n_modes(gaussians(centres, 0)) == modes


def test_a_flat_top_is_one_mode():
    assert n_modes(pd.DataFrame({"t": range(4), "density": [0.1, 1.0, 1.0, 0.2]})) == 1


def test_resolvable_clusters():
    tables = FakeTables(
        layers=LAYERS,
        mutual_information=information([0.0, math.log(4), 0.56]),
        density=pd.concat(
            [gaussians([0], 0), gaussians([-1, -0.5, 0, 1], 1), gaussians([-1, 1], 10)]
        ),
    )
    finding = ResolvableClusters(layer=1, expected="", at_most=0.01)
    outcome = finding(tables, CONTEXT)
    assert outcome.holds == "yes"  # 0, 0 and ln 2 − 0.56
    assert outcome.measured == (
        "median 0.00 nats; clusters: 1 from epoch 0 (exp(I) = 1.00), "
        "4 from epoch 1 (exp(I) = 4.00), 2 from epoch 10 (exp(I) = 1.75)"
    )
    wrong = FakeTables(tables, mutual_information=information([1.0, 0.0, 0.0]))
    assert finding(wrong, CONTEXT).holds == "no"
    later = FakeTables(tables, density=gaussians([0], 7))
    assert finding(later, CONTEXT).holds == "undecided"
    assert finding(tables.without("density"), CONTEXT).holds == "undecided"


def test_the_largest_noise():
    small, large = information([0.0, 1.3, 0.5]), information([0.0, 0.2, 0.3], beta=1.0)
    outcome = judge(FallAtLargestNoise, small, large, at_most=0.05)
    assert outcome.holds == "yes"
    assert outcome.measured == "falls by 0.80 (β = 0.01), 0.00 (β = 1) nats"
    falling = information([0.0, 0.3, 0.2], beta=1.0)
    assert judge(FallAtLargestNoise, small, falling, at_most=0.05).holds == "no"
    assert judge(FallAtLargestNoise, small, at_most=0.05).holds == "undecided"


def test_pairwise_bounds():
    mi = information([0.5, 1.0, 0.8])
    lower = information([0.4, 0.9, 0.7], method="pairwise_lower")
    upper = information([0.5, 1.2, 0.8], method="pairwise_upper")
    outcome = judge(PairwiseBounds, mi, lower, upper, at_most=0.25)
    assert outcome.holds == "yes"
    assert outcome.measured == "the upper bound is 0.200 nats off at epoch 1"
    assert judge(PairwiseBounds, mi, lower, upper, at_most=0.15).holds == "no"
    assert judge(PairwiseBounds, mi, at_most=0.25).holds == "undecided"


def test_ratio_of_parameters():
    table = pd.DataFrame(
        {"epoch": [0, 0, 9, 9], "name": ["w_1", "b_1"] * 2, "value": [0.0, 0.0, 2.0, -4.6]}
    )
    tables = FakeTables(parameter=table)
    finding = Ratio("b_1", "w_1", expected="", at_least=-2.5, at_most=-2.1)
    assert finding(tables, CONTEXT).holds == "yes"
    assert finding(tables, CONTEXT).measured == "b_1 = -4.6, w_1 = 2 at epoch 9"
    assert Ratio("b_1", "w_1", expected="", at_least=-2.0)(tables, CONTEXT).holds == "no"
    assert Ratio("b_2", "w_1", expected="", at_least=-2.0)(tables, CONTEXT).holds == "undecided"
    untrained = FakeTables(parameter=table[table["epoch"] == 0])
    assert finding(untrained, CONTEXT).holds == "undecided"
