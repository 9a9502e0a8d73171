"""The table ``guarantee`` from a table of estimates: every layer, the right rows."""

import math

import pandas as pd
import pytest
import torch
from fake_tables import FakeTables, fake_layers

from ib_runner.datasets import Split
from ib_runner.information.theory.guarantees import theorem_6_second_moment
from ib_runner.measurements.distance_histogram import DistanceHistogram
from ib_runner.measurements.guarantee import Guarantee, moments
from ib_runner.measurements.snapshot import Snapshot
from ib_runner.networks import GaussianNoise
from ib_runner.tables.files import write_table

N, BETA = 4096, 0.005


def estimates():
    rows = [
        {"layer": layer, "dim": dim, "target": "x", "beta": BETA, "mi": 4.0, "n_mc": 4, **method}
        for layer, dim in [(1, 10), (2, 3)]
        for method in (
            {"method": "coupled", "lower": 3.98, "upper": 4.02, "n_x": 256},
            {"method": "paper", "lower": None, "upper": None, "n_x": 1000},
            {"method": "pairwise_lower", "lower": 3.0, "upper": 8.3, "n_x": None},
        )
    ]
    return pd.DataFrame(rows).astype({"n_x": "Int64"})


def tables(**others):
    layers = fake_layers(BETA, math.log(N), n_inputs=N)
    return FakeTables(mutual_information=estimates(), **{"layers": layers, **others})


def distances(moment_of_layer, noise=True):
    """Of epochs 0 and 7: half the mean squared distance, from a histogram of two bins."""
    rows = [
        {"epoch": epoch, "layer": layer, "pairs": pairs, "noise": noise, "left": 0.0}
        | {"right": math.sqrt(2 * moment * share * factor), "count": count}
        for layer, moment in moment_of_layer.items()
        for epoch, share in ((0, 0.1), (7, 1.0))
        for pairs, count, factor in (("within", 30, 0.0), ("between", 10, 4.0))
    ]
    return pd.DataFrame(rows).assign(density=1.0)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_layer_has_theorem_6_and_its_sharper_form(activation, tmp_path):
    rows = Guarantee(activation=activation).summarise(tables())
    write_table(tmp_path / "t", rows, "guarantee")
    shown = rows[rows.quantity == "error of h(T) by the paper's method"]
    expected = ["Theorem 6, sharper"]
    if activation == "tanh":
        expected.append("Theorem 6, eq. (16)")
    for layer, dim in [(1, 10), (2, 3)]:
        here = shown[shown.layer == layer].set_index("theorem")
        assert list(here.index) == expected
        assert here.value["Theorem 6, sharper"] == pytest.approx(math.sqrt(dim / (N * 4)))
        assert (here.n == N * 4).all()
    if activation == "tanh":
        # 1.6·10⁵ times in the mean square at d = 3
        ratio = (here.value["Theorem 6, eq. (16)"] / here.value["Theorem 6, sharper"]) ** 2
        assert ratio == pytest.approx(1.6e5, rel=0.05)


def test_the_width_shown_is_that_of_the_certified_interval():
    rows = Guarantee(activation="tanh").summarise(tables())
    widths = rows[rows.theorem == "certified interval"]
    assert widths.value.tolist() == pytest.approx([0.04, 0.04])
    assert widths.n.tolist() == [N * 256] * 2


def test_unbounded_layers_have_theorem_6_with_the_moment_that_was_measured():
    measured = tables(distance_histogram=distances({1: 5.0, 2: 0.25}))
    rows = Guarantee(activation="relu").summarise(measured)
    rows = rows[rows.theorem == "Theorem 6, eq. (17)"].set_index(["layer", "quantity"])
    for layer, dim, moment in [(1, 10, 5.0), (2, 3, 0.25)]:
        rate = theorem_6_second_moment(dim, BETA, moment)
        given = f", E|S − E S|² ≈ {moment:g}"  # the larger one of the two epochs
        asked = rows.loc[layer, f"error of the integration{given}"]
        assert (asked.value, asked.n) == (0.8, rate.samples(0.8**2))
        shown = rows.loc[layer, f"error of h(T) by the paper's method{given}"]
        assert (shown.value, shown.n) == (pytest.approx(math.sqrt(rate.at(N * 4))), N * 4)
    assert len(rows) == 4


def test_without_that_moment_there_is_no_such_row():
    silent = tables(distance_histogram=distances({1: 5.0}, noise=False))
    known = tables(distance_histogram=distances({1: 5.0}))
    one_input = tables(distance_histogram=distances({1: 5.0}).assign(count=0))
    diverged = tables(distance_histogram=distances({1: 5.0}).assign(right=1e200))
    relu = [("relu", given) for given in (tables(), silent, one_input, diverged)]
    for activation, given in [*relu, ("tanh", known)]:
        rows = Guarantee(activation=activation).summarise(given)
        assert "Theorem 6, eq. (17)" not in set(rows.theorem)


def test_the_moment_of_a_layer_whose_values_are_known():
    """One linear layer: S = Wx + b far from 0, which the moment about the mean leaves out."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 4, generator=generator)
    linear = torch.nn.Linear(4, 3)
    torch.nn.init.constant_(linear.bias, 50.0)
    network = torch.nn.Sequential(linear, GaussianNoise(BETA)).eval()
    inputs = Split(x, torch.arange(300) % 2)
    table = DistanceHistogram()(Snapshot(0, network, inputs, seed=0))
    with torch.no_grad():
        true = float(linear(x).var(0, correction=1).sum())
    (found,) = moments(FakeTables(distance_histogram=table)).values()
    assert true <= found <= 1.1 * true


def test_bounds_and_noise_are_each_layers_own():
    """Layer 1 has noise BETA and is bounded, layer 2 has noise 0.1 and is not."""
    rest = [0.1] * 4
    layers = fake_layers([BETA, *rest], bounds=[(-1.0, 1.0), *[None] * 4], n_inputs=N)
    table = estimates()
    own = table.assign(beta=table.layer.map({1: BETA, 2: 0.1}))
    rows = Guarantee().summarise(FakeTables(mutual_information=own, layers=layers))
    assert set(rows[rows.theorem == "Theorem 1"].layer) == {1}
    assert set(rows[rows.theorem == "certified interval"].layer) == {1, 2}
    foreign = FakeTables(mutual_information=table, layers=layers)  # layer 2 at BETA is not its own
    assert set(Guarantee().summarise(foreign).layer) == {1}
