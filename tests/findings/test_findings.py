"""Every kind of finding: a table where it holds, one where it does not, one that is undecided."""

import math

import numpy as np
import pandas as pd
import pytest
from fake_tables import DIP, H_X, PEAK, SECOND_PEAK, FakeTables, fake_layers, fake_tables

from ib_runner.findings.accuracy import Accuracy
from ib_runner.findings.bin_widths import (
    BinnedFall,
    GapToInput,
    SmallerBins,
    SmallestBins,
    WidthDecides,
)
from ib_runner.findings.binned_trend import BinnedEntropyFollows
from ib_runner.findings.clusters import ClusterPurity
from ib_runner.findings.compression import LargestCompression
from ib_runner.findings.distances import ClassSeparation, TightPairs
from ib_runner.findings.finding import Finding, Outcome, Quantity
from ib_runner.findings.growth import Growth
from ib_runner.findings.losses import LossRise, LossTurn
from ib_runner.findings.saturation import Saturation
from ib_runner.findings.trajectory import Compression, Peak, Rise, Variation
from ib_runner.findings.truths import BelowInputEntropy, DataProcessing
from ib_runner.selections.context import Context

CONTEXT = Context(experiment="fake")
PAPER = fake_tables()
FLAT = fake_tables(compresses=False)
SHORT = fake_tables(last=50)


def judge(kind: type[Finding], tables: FakeTables, **keys) -> Outcome:
    return kind(expected="as in the paper", **keys)(tables, CONTEXT)


class Fixed(Finding):
    """A finding whose quantity is given."""

    quantity = "the quantity"

    def measure(self, tables, context):
        return tables


@pytest.mark.parametrize(
    ("low", "high", "holds"),
    [
        (1.0, 2.0, "yes"),
        (1.5, 1.5, "yes"),
        (0.9, 1.1, "undecided"),
        (1.9, 2.1, "undecided"),
        (0.0, 9.0, "undecided"),
        (0.0, 0.9, "no"),
        (2.1, 9.0, "no"),
        (math.inf, math.inf, "no"),
    ],
)
def test_the_whole_interval_counts(low, high, holds):
    outcome = judge(Fixed, Quantity("some", low, high), at_least=1.0, at_most=2.0)
    assert (outcome.measured, outcome.holds) == ("some", holds)
    assert outcome.why.startswith("the quantity must be at least 1 and at most 2; ")


def test_a_finding_without_bounds_is_refused():
    with pytest.raises(ValueError, match="at_least, at_most or both"):
        Fixed(expected="anything")


FINDINGS = {
    Accuracy: {},
    Compression: {"layer": 5},
    LargestCompression: {},
    Rise: {"layer": 5},
    Variation: {"layer": 5, "since": 1000},
    Peak: {"layer": 5, "which": "first"},
    Saturation: {"layer": 5, "since": 28},
    BinnedEntropyFollows: {"layer": 5},
    LossRise: {},
    LossTurn: {},
    BinnedFall: {},
    GapToInput: {"layer": 5},
    SmallerBins: {},
    SmallestBins: {},
    WidthDecides: {"layer": 5, "fall": 0.5},
    ClassSeparation: {"layers": [3, 4, 5]},
    TightPairs: {"layer": 5},
    Growth: {"layer": 5, "since": 1000},
    ClusterPurity: {"layer": 5},
    DataProcessing: {},
    BelowInputEntropy: {},
}


@pytest.mark.parametrize("kind", FINDINGS)
def test_undecided_without_its_table_or_its_end(kind):
    keys = FINDINGS[kind] | {"at_least": 0.0, "min_epoch": 1000}
    outcome = judge(kind, FakeTables(), **keys)
    assert outcome.holds == "undecided"
    assert outcome.why.startswith("there is no table")
    outcome = judge(kind, SHORT, **keys)
    assert outcome.holds == "undecided"
    assert "ends at epoch 50, and this is about epoch 1000 and later" in outcome.why


def test_accuracy():
    at_the_end = PAPER["training"].query("split == 'test'")["accuracy"].iloc[-1]
    assert judge(Accuracy, PAPER, at_least=0.95, at_most=0.99).holds == "yes"
    outcome = judge(Accuracy, PAPER, at_least=0.98)
    assert outcome.holds == "no"
    assert outcome.measured == f"{100 * at_the_end:.1f} % of the test inputs at epoch 10000"
    regression = FakeTables(training=PAPER["training"].assign(accuracy=np.nan))
    assert judge(Accuracy, regression, at_least=0.95).holds == "undecided"


def test_compression_is_what_the_intervals_leave_of_the_fall():
    # peak and end of the made-up layer 5: ln N − 2.5 and ln N − 5.6, each ± 0.06
    outcome = judge(Compression, PAPER, layer=5, at_least=2.97)
    assert outcome.holds == "yes"
    assert outcome.measured.startswith("falls by 3.10 [2.98, 3.22] nats: 5.82 [5.75, 5.88] nats")
    assert "at epoch 28, 2.72 [2.65, 2.78] nats at epoch 10000" in outcome.measured
    assert judge(Compression, PAPER, layer=5, at_least=3.0).holds == "undecided"
    assert judge(Compression, PAPER, layer=5, at_least=3.3).holds == "no"
    assert judge(Compression, FLAT, layer=5, at_least=0.5).holds == "no"


def test_absence_of_compression():
    assert judge(Compression, FLAT, layer=5, at_most=0.5).holds == "yes"
    assert judge(Compression, PAPER, layer=5, at_most=0.5).holds == "no"
    rising = PAPER["mutual_information"]
    rising = rising[rising["epoch"] <= PEAK]
    outcome = judge(Compression, FakeTables(mutual_information=rising), layer=5, at_most=0.1)
    assert outcome.holds == "yes"
    assert outcome.measured.startswith("never falls")


def test_compression_may_leave_the_beginning_out():
    # after the dip the highest is the second peak, ln N − 2.7 ± 0.06
    later = {"layer": 5, "since": DIP}
    outcome = judge(Compression, PAPER, **later, at_least=2.7)
    assert outcome.holds == "yes"
    assert f"at epoch {SECOND_PEAK}" in outcome.measured
    assert outcome.why.startswith("the fall from the peak after epoch 45 to the end")
    last = judge(Compression, PAPER, layer=5, since=10_000, at_most=0.1)
    assert last.holds == "undecided"
    assert last.why == "I(X;T) of layer 5 has intervals at 1 epochs from epoch 10000 on"


def test_the_largest_compression_is_that_of_any_layer():
    # layer 4 falls by a quarter of layer 5's 3.1, the others not at all
    outcome = judge(LargestCompression, PAPER, at_least=2.97)
    assert outcome.holds == "yes"
    assert outcome.measured == ("falls by 0.66 to 0.89 in layer 4, 2.98 to 3.22 in layer 5 (nats)")
    assert judge(LargestCompression, PAPER, at_most=0.5).holds == "no"
    flat = judge(LargestCompression, FLAT, since=SECOND_PEAK, at_most=0.25)
    assert flat.holds == "yes"
    assert flat.measured == "no layer falls by 0.01 nats or more"
    assert judge(LargestCompression, PAPER, since=10_000, at_most=0.1).holds == "undecided"


def test_variation():
    # from epoch 45 on: the second peak, ln N − 2.7, and the end, ln N − 5.6, each ± 0.06
    wide = {"layer": 5, "since": DIP}
    assert judge(Variation, PAPER, **wide, at_least=2.77).holds == "yes"
    assert judge(Variation, PAPER, **wide, at_least=2.9).holds == "undecided"
    assert judge(Variation, PAPER, **wide, at_most=0.25).holds == "no"
    assert judge(Variation, FLAT, layer=5, since=5000, at_most=0.25).holds == "yes"


def test_rise():
    # from ln N − 3.5 to ln N − 2.5, each ± 0.06
    assert judge(Rise, PAPER, layer=5, at_least=0.87).holds == "yes"
    assert judge(Rise, PAPER, layer=5, at_least=1.0).holds == "undecided"
    assert judge(Rise, PAPER, layer=5, at_least=1.13).holds == "no"
    assert judge(Rise, PAPER, layer=1, at_least=0.25).holds == "no"


def test_peaks():
    first = {"layer": 5, "which": "first"}
    assert judge(Peak, PAPER, **first, at_least=14, at_most=56).holds == "yes"
    assert judge(Peak, PAPER, **first, at_most=10).holds == "no"
    last = judge(Peak, PAPER, layer=5, which="last", at_least=40, at_most=160)
    assert last.holds == "yes"
    assert last.measured.startswith("last of 2 peaks")
    assert f"epoch {SECOND_PEAK}" in last.measured
    none = judge(Peak, PAPER, layer=1, which="first", at_least=14, at_most=56)
    assert (none.holds, none.measured) == ("no", "no peak")
    assert none.why.endswith("there is none")


def test_a_flat_peak_may_be_at_any_epoch_whose_interval_reaches_it():
    table = PAPER["mutual_information"].query("method == 'coupled'")
    wide = FakeTables(mutual_information=table.assign(upper=table["upper"] + 0.1))
    neighbours = judge(Peak, wide, layer=5, which="first", at_least=PEAK, at_most=PEAK)
    assert neighbours.holds == "undecided"


def test_too_few_certified_rows():
    table = PAPER["mutual_information"].query("method == 'paper'")
    outcome = judge(Compression, FakeTables(mutual_information=table), layer=5, at_least=0.5)
    assert outcome.holds == "undecided"


def test_saturation():
    assert judge(Saturation, PAPER, layer=5, since=PEAK, at_least=0.25).holds == "yes"
    assert judge(Saturation, FLAT, layer=5, since=PEAK, at_least=0.25).holds == "no"
    unbounded = FakeTables(PAPER, layers=fake_layers(bounds=None))
    outcome = judge(Saturation, unbounded, layer=5, since=PEAK, at_least=0.25)
    assert outcome.holds == "undecided"
    late = PAPER["activation_histogram"].query("epoch > 100")
    late = FakeTables(activation_histogram=late)
    assert judge(Saturation, late, layer=5, since=PEAK, at_least=0.25).holds == "undecided"


def test_saturation_at_the_end_alone():
    outcome = judge(Saturation, FLAT, layer=5, at_most=0.2)
    assert outcome.holds == "yes"
    assert outcome.measured.endswith("% of the values near ±1 at epoch 10000")
    assert judge(Saturation, PAPER, layer=5, at_most=0.2).holds == "no"


def test_saturation_counts_the_bins_near_the_ends():
    edges = np.linspace(-1, 1, 21)  # two bins of ten, 0.1 wide, are within 0.1 of an end
    counts = np.arange(1, 21)
    histograms = [
        pd.DataFrame({"epoch": epoch, "layer": 1, "noise": True, "count": count}).assign(
            left=edges[:-1], right=edges[1:]
        )
        for epoch, count in ((0, np.eye(20, dtype=int)[9]), (9, counts))
    ]
    outcome = judge(
        Saturation,
        FakeTables(activation_histogram=pd.concat(histograms)),
        layer=1,
        since=0,
        at_least=21 / 210 - 1e-9,
        at_most=21 / 210 + 1e-9,
    )
    assert outcome.holds == "yes"
    assert outcome.measured == "0.0 % of the values near ±1 at epoch 0, 10.0 % at epoch 9"


def test_binned_entropy():
    assert judge(BinnedEntropyFollows, PAPER, layer=5, at_least=0.999).holds == "yes"
    table = PAPER["binned_entropy"]
    backwards = FakeTables(PAPER, binned_entropy=table.assign(entropy=-table["entropy"]))
    outcome = judge(BinnedEntropyFollows, backwards, layer=5, at_least=0.8)
    assert outcome.holds == "no"
    assert outcome.measured.startswith("rank correlation -1.00 over")
    assert "bin width 0.05" in outcome.measured
    assert judge(BinnedEntropyFollows, PAPER, layer=1, at_least=0.8).holds == "undecided"
    few = FakeTables(PAPER, binned_entropy=table[table["epoch"] < 9])
    assert judge(BinnedEntropyFollows, few, layer=5, at_least=0.8).holds == "undecided"


def binned(entropies: dict[float, list[float]]) -> FakeTables:
    """H(Bin(T_1)) at epochs 0, 1, … for each width, and a unit's, which must not count."""
    rows = [
        {"epoch": epoch, "layer": 1, "unit": unit, "bin_width": width, "noise": False}
        | {"entropy": entropy if unit is None else 99.0}
        for width, values in entropies.items()
        for epoch, entropy in enumerate(values)
        for unit in (None, 0)
    ]
    return FakeTables(binned_entropy=pd.DataFrame(rows).astype({"unit": "Int64"}))


def test_smaller_bins_hold_more():
    tables = binned({0.1: [1.0, 2.0], 0.01: [3.0, 2.5], 0.001: [8.0, 8.0]})
    outcome = judge(SmallerBins, tables, at_least=0.5)
    assert outcome.holds == "yes"
    assert outcome.measured == (
        "on average 5.25 from width 0.01 to 0.001, 1.25 from width 0.1 to 0.01; at least 0.5 nats"
    )
    assert judge(SmallerBins, tables, at_least=0.6).holds == "no"
    assert judge(SmallerBins, binned({0.1: [1.0]}), at_least=0.0).holds == "undecided"


def test_the_smallest_bins_come_close_to_the_inputs_entropy():
    tables = binned({0.1: [1.0, 2.0], 0.01: [3.0, H_X - 0.05]})
    assert judge(SmallestBins, tables, at_most=0.0501).holds == "yes"
    outcome = judge(SmallestBins, tables, at_most=0.04)
    assert outcome.holds == "no"
    assert outcome.measured == (
        "H(X) = 8.318 is missed by 0.050 (layer 1) nats with bins of 0.01 at epoch 1"
    )


def test_binned_entropy_by_itself():
    tables = binned({0.1: [1.0, 3.0, 2.5], 0.01: [7.0, 8.0, 7.9]})
    outcome = judge(BinnedFall, tables, at_least=0.25)
    assert outcome.holds == "yes"
    assert outcome.measured == (
        "falls by 0.10 in layer 1 (width 0.01), 0.50 in layer 1 (width 0.1) nats"
    )
    assert judge(BinnedFall, tables, at_least=0.51).holds == "no"
    outcome = judge(GapToInput, tables, layer=1, at_least=0.01)
    assert outcome.high == pytest.approx(H_X - 8.0)
    assert judge(GapToInput, binned({0.1: [H_X]}), layer=1, at_least=0.01).holds == "no"
    assert judge(GapToInput, tables, layer=2, at_least=0.01).why == "layer 2 is not in the table"


def test_the_width_may_decide_whether_a_layer_compresses():
    some = {"layer": 1, "fall": 0.5, "at_least": 0.01, "at_most": 0.99}
    flips = binned({0.1: [1.0, 3.0, 2.5], 0.01: [7.0, 8.0, 7.9]})
    outcome = judge(WidthDecides, flips, **some)
    assert outcome.holds == "yes"
    assert outcome.measured == "layer 1 falls by 0.10 (width 0.01), 0.50 (width 0.1) nats"
    never = binned({0.1: [1.0, 3.0], 0.01: [7.0, 8.0]})
    assert judge(WidthDecides, never, **some).holds == "no"
    always = binned({0.1: [3.0, 1.0], 0.01: [8.0, 7.0]})
    assert judge(WidthDecides, always, **some).holds == "no"


def test_the_turn_of_the_test_loss():
    assert judge(LossRise, PAPER, at_least=1.1).holds == "yes"
    assert judge(LossRise, FLAT, at_least=1.1).holds == "no"
    turn = judge(LossTurn, PAPER, at_least=1600, at_most=6400)
    assert turn.holds == "yes"
    assert "smallest at epoch 31" in turn.measured
    assert judge(LossTurn, FLAT, at_most=6400).holds == "no"


def test_one_jump_of_the_loss_is_no_turn():
    table = FLAT["training"].copy()
    table.loc[(table["epoch"] == 100) & (table["split"] == "test"), "loss"] = 0.0
    table.loc[(table["epoch"] == 9990) & (table["split"] == "test"), "loss"] = 99.0
    jumps = FakeTables(training=table)
    assert judge(LossTurn, jumps, at_least=6400).holds == "yes"
    assert judge(LossRise, jumps, at_most=1.01).holds == "yes"


def test_class_separation():
    assert judge(ClassSeparation, PAPER, layers=[3, 4, 5], at_most=0.1).holds == "yes"
    outcome = judge(ClassSeparation, PAPER, layers=[0, 5], at_most=0.5)
    assert outcome.holds == "no"
    assert outcome.measured.startswith("1.0")
    assert judge(ClassSeparation, PAPER, layers=[6], at_most=0.5).holds == "undecided"


def test_class_separation_compares_medians():
    edges = [0.0, 1.0, 2.0, 3.0, 4.0]
    bins = pd.DataFrame({"left": edges[:-1], "right": edges[1:]})
    # medians by hand: half of 4 is reached at the end of bin 1; half of 8 in the middle of bin 4
    within = bins.assign(pairs="within", count=[2, 1, 1, 0])
    between = bins.assign(pairs="between", count=[0, 0, 0, 8])
    table = pd.concat([within, between]).assign(epoch=0, layer=1, noise=False)
    ratio = {"layers": [1], "at_least": 1 / 3.5 - 1e-9, "at_most": 1 / 3.5 + 1e-9}
    assert judge(ClassSeparation, FakeTables(distance_histogram=table), **ratio).holds == "yes"


def test_tight_pairs_are_known_up_to_a_bin():
    edges = [0.0, 0.02, 0.04, 0.06, 1.0]  # 10 beta is 0.05
    bins = pd.DataFrame({"left": edges[:-1], "right": edges[1:], "epoch": 3, "layer": 2})
    within = bins.assign(pairs="within", count=[10, 20, 30, 40])
    between = bins.assign(pairs="between", count=[9, 0, 0, 0])
    early = within.assign(epoch=1, count=[1, 0, 0, 0])
    tables = FakeTables(distance_histogram=pd.concat([early, within, between]))
    assert judge(TightPairs, tables, layer=2, at_least=0.299, at_most=0.601).holds == "yes"
    assert judge(TightPairs, tables, layer=2, at_least=0.31).holds == "undecided"
    assert judge(TightPairs, tables, layer=2, at_least=0.61).holds == "no"
    no_noise = FakeTables(tables, layers=fake_layers(0.0))
    outcome = judge(TightPairs, no_noise, layer=2, at_most=0.1)
    assert outcome.holds == "undecided"


def test_growth_compares_large_values():
    table = PAPER["representation"]
    grown = table[table["epoch"] > 9000].assign(value=lambda rows: 3 * rows["value"])
    tables = FakeTables(representation=pd.concat([table[table["epoch"] < 2000], grown]))
    assert judge(Growth, tables, layer=5, since=1000, at_least=2.5).holds == "yes"
    assert judge(Growth, PAPER, layer=5, since=1000, at_most=1.5).holds == "yes"
    assert judge(Growth, PAPER, layer=5, since=10_000, at_most=1.5).holds == "undecided"


def clusters_of(labels: list[int], values: list[float]) -> FakeTables:
    return FakeTables(
        representation=pd.DataFrame(
            {
                "epoch": 10,
                "layer": 1,
                "sample": range(len(labels)),
                "label": labels,
                "noise": True,
                "value": [np.array([value], dtype=np.float32) for value in values],
            }
        )
    )


def test_purity():
    pure = clusters_of([0, 0, 1, 1, 1], [0.02, 0.03, 0.52, 0.53, 0.9])
    outcome = judge(ClusterPurity, pure, layer=-1, at_least=0.9)
    assert outcome.holds == "yes"
    assert outcome.measured == (
        "2 clusters hold 80 % of the samples at epoch 10, 100.0 % of these in their cluster's class"
    )
    mixed = clusters_of([0, 1, 0, 1], [0.02, 0.03, 0.52, 0.53])
    assert judge(ClusterPurity, mixed, layer=-1, at_least=0.9).holds == "no"
    scattered = clusters_of([0, 0, 1, 1, 0], [0.02, 0.03, 0.52, 0.63, 0.9])
    assert judge(ClusterPurity, scattered, layer=-1, at_least=0.9).holds == "undecided"


def test_data_processing():
    assert judge(DataProcessing, PAPER, at_most=1e-6).holds == "yes"
    table = PAPER["mutual_information"].copy()
    table.loc[(table["epoch"] == DIP) & (table["layer"] == 5), ["lower", "upper"]] = [7.8, 8.0]
    broken = judge(DataProcessing, FakeTables(mutual_information=table), at_most=1e-6)
    assert broken.holds == "no"
    assert f"(layer 5, epoch {DIP}), above 0 in 1 of" in broken.measured
    one = FakeTables(mutual_information=table[table["layer"] == 5])
    assert judge(DataProcessing, one, at_most=0.0).holds == "undecided"


def test_below_the_inputs_entropy():
    outcome = judge(BelowInputEntropy, PAPER, at_most=1e-6)
    assert outcome.holds == "yes"
    n = (PAPER["mutual_information"]["method"] == "coupled").sum()
    assert outcome.measured == (f"8.318 the highest of {n} certified lower ends; H(X) = 8.318")
    table = PAPER["mutual_information"]
    proven = table.assign(lower=table["lower"] + 1.0, upper=table["upper"] + 1.0)
    outcome = judge(BelowInputEntropy, FakeTables(mutual_information=proven), at_most=1e-6)
    assert outcome.holds == "no"
    assert outcome.low == pytest.approx(1.0)


def test_a_biased_method_above_the_inputs_entropy_breaks_nothing():
    table = PAPER["mutual_information"]
    certified = table["method"] == "coupled"
    for method in ("paper", "nearest_neighbours", "pairwise_upper"):
        high = table[certified].assign(method=method, mi=H_X + 1.0, lower=math.nan, upper=math.nan)
        both = FakeTables(mutual_information=pd.concat([table, high]))
        assert judge(BelowInputEntropy, both, at_most=1e-6).holds == "yes"
        alone = judge(BelowInputEntropy, FakeTables(mutual_information=high), at_most=1e-6)
        assert alone.holds == "undecided"
    exact = high.assign(method="quadrature")
    outcome = judge(BelowInputEntropy, FakeTables(mutual_information=exact), at_most=1e-6)
    assert outcome.holds == "no"
    assert outcome.measured.startswith(f"9.318 the highest of {len(exact)} exact values")
    vacuous = FakeTables(mutual_information=table.assign(mi=np.nan))
    assert judge(BelowInputEntropy, vacuous, at_most=1e-6).holds == "undecided"
