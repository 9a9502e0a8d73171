"""The table ``guarantee`` from a table of estimates: every layer, the right rows."""

import math

import pandas as pd
import pytest

from ib_runner.measurements.guarantee import Guarantee
from ib_runner.runs.tables import write_table

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


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_layer_has_theorem_6_and_its_sharper_form(activation, tmp_path):
    rows = Guarantee(activation=activation).summarise(lambda name: estimates(), N, BETA)
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
    rows = Guarantee(activation="tanh").summarise(lambda name: estimates(), N, BETA)
    widths = rows[rows.theorem == "certified interval"]
    assert widths.value.tolist() == pytest.approx([0.04, 0.04])
    assert widths.n.tolist() == [N * 256] * 2
