"""The selection of the rows of one trajectory from the table ``mutual_information``."""

import pandas as pd
from fake_tables import BETA, fake_layers, fake_tables

from ib_runner.selections.information import certified, of_layer, one_sided, paper
from ib_runner.tables.layers import Layers

TABLE = fake_tables(last=50)["mutual_information"]
LAYERS = Layers(fake_layers())


def test_only_certified_rows_about_x_at_the_runs_noise():
    strangers = pd.concat(
        [
            TABLE,
            TABLE.assign(target="y"),
            TABLE.assign(beta=2 * BETA),
            TABLE.assign(method="pairwise_upper"),
        ]
    )
    expected = TABLE[TABLE["method"] == "coupled"].sort_values(["layer", "epoch"])
    expected = expected.reset_index(drop=True)
    pd.testing.assert_frame_equal(certified(strangers, LAYERS), expected)
    assert set(paper(strangers, LAYERS)["method"]) == {"paper"}


def test_rows_without_interval_are_left_out():
    vacuous = TABLE.assign(beta=0.0, lower=float("nan"), upper=float("nan"))
    assert certified(vacuous, Layers(fake_layers(0.0))).empty


def test_an_end_at_zero_or_all_says_nothing_unless_the_interval_is_narrow():
    h_x = LAYERS.h_x
    ends = [(0.0, 0.5 * h_x), (0.5 * h_x, h_x), (0.0, h_x), (0.1, h_x - 0.1), (h_x - 0.01, h_x)]
    rows = pd.DataFrame(ends, columns=["lower", "upper"], index=[3, 4, 5, 6, 7])
    assert one_sided(rows, LAYERS).to_dict() == {3: "upper", 4: "lower", 5: "none", 6: "", 7: ""}


def test_layers_count_from_1_or_backwards():
    assert set(of_layer(TABLE, 2)["layer"]) == {2}
    assert set(of_layer(TABLE, -1)["layer"]) == {5}
    assert set(of_layer(TABLE, -5)["layer"]) == {1}
