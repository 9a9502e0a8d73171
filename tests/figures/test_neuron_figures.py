"""The figures of one-unit layers and of several noise levels: what is on them."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from fake_tables import BETA, DIP, fake_layers, fake_tables
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from ib_runner.figures.activation_histogram import ActivationHistogram
from ib_runner.figures.binned_entropy import BinnedEntropy
from ib_runner.figures.density import Density, DensityAtEpochs
from ib_runner.figures.fig1 import Fig1
from ib_runner.figures.fig4 import Fig4
from ib_runner.figures.fig5 import Fig5
from ib_runner.figures.fig9 import Fig9
from ib_runner.figures.inputs import Inputs
from ib_runner.figures.mutual_information import MutualInformation
from ib_runner.figures.noise_levels import NoiseLevels
from ib_runner.figures.parameter import Parameter
from ib_runner.selections.context import Context

CONTEXT = Context(experiment="fake")
TABLES = fake_tables()


def with_rows(*frames):
    """The tables with further rows of mutual_information."""
    tables = fake_tables()
    tables["mutual_information"] = pd.concat([tables["mutual_information"], *frames])
    return tables


def rows_of(method, shift=0.0, beta=BETA):
    rows = TABLES["mutual_information"].query("method == 'coupled'")
    return rows.assign(method=method, mi=rows["mi"] + shift, beta=beta)


def labelled(axes):
    return {line.get_label(): line for line in axes.get_lines() if line.get_label()[0] != "_"}


def test_the_heat_map_is_the_density_and_white_where_there_is_none():
    panels = [axes for axes in Density()(TABLES, CONTEXT).axes if axes.get_xlim()[0] < 0]
    mesh = next(one for one in panels[0].collections if isinstance(one, QuadMesh))
    values = mesh.get_array()
    table = TABLES["density"].query("layer == 1")
    assert values.max() == pytest.approx(table["density"].max())
    # the last epoch: two Gaussians of width β, apart by 1, and nothing between them
    column = np.ma.filled(values[:, -1], 0.0)
    assert column.sum() * BETA / 2 == pytest.approx(1.0, abs=2e-3)
    assert np.ma.getmaskarray(values)[len(column) // 2, -1]


def test_curves_stand_at_the_measured_epochs_nearest_to_those_asked_for():
    figure = DensityAtEpochs(epochs=[DIP + 1, 9_999])(TABLES, CONTEXT)
    titles = {axes.get_title() for axes in figure.axes}
    assert titles == {f"epoch {DIP}", "epoch 10000"}
    curve = figure.axes[0].get_lines()[0]
    expected = TABLES["density"].query(f"layer == 1 and epoch == {DIP}")
    np.testing.assert_array_equal(curve.get_ydata(), expected["density"])


@pytest.mark.parametrize("figure", [Fig5, Fig4])
@pytest.mark.slow
def test_epochs_asked_for_of_the_figure_yield_to_those_of_plot(figure):
    def titles(context):
        drawn = figure(epochs=[DIP + 1, 9_000])(TABLES, context)
        return [axes.get_title() for axes in drawn.axes if "epoch " in axes.get_title()]

    assert [int(one.split()[-1]) for one in titles(CONTEXT)] == [DIP, 10_000]
    chosen = dataclasses.replace(CONTEXT, epochs=(0, 10_000))
    assert [int(one.split()[-1]) for one in titles(chosen)] == [0, 10_000]


def test_parameters_have_a_line_each():
    (axes,) = Parameter()(TABLES, CONTEXT).axes
    lines = labelled(axes)
    assert set(lines) == {"$w_{1}$", "$b_{1}$", "$w_{2}$", "$b_{2}$"}
    weight = TABLES["parameter"].query("name == 'w_2'")["value"]
    np.testing.assert_array_equal(lines["$w_{2}$"].get_ydata(), weight)
    assert lines["$w_{1}$"].get_color() == lines["$b_{1}$"].get_color()
    assert lines["$w_{1}$"].get_linestyle() != lines["$b_{1}$"].get_linestyle()


@pytest.mark.parametrize("unit", ["nats", "bits"])
@pytest.mark.slow
def test_noise_levels_have_a_line_each_and_quadrature_wins(unit):
    exact = rows_of("quadrature", shift=-0.5)
    tables = with_rows(exact, rows_of("coupled", shift=-1.0, beta=0.1))
    context = dataclasses.replace(CONTEXT, unit=unit)
    (axes,) = NoiseLevels(layer=5)(tables, context).axes
    lines = labelled(axes)
    assert set(lines) == {r"$\beta$ = 0.005", r"$\beta$ = 0.1"}
    expected = exact.query("layer == 5")["mi"] / (math.log(2) if unit == "bits" else 1.0)
    np.testing.assert_allclose(lines[r"$\beta$ = 0.005"].get_ydata(), expected)
    assert f"[{unit}]" in axes.get_ylabel()


@pytest.mark.slow
def test_quadrature_and_pairwise_bounds_are_drawn_and_named():
    tables = with_rows(
        rows_of("quadrature"), rows_of("pairwise_lower", -0.1), rows_of("pairwise_upper", 0.1)
    )
    (axes,) = MutualInformation()(tables, CONTEXT).axes
    names = {text.get_text() for one in axes.artists for text in one.get_texts()}
    assert {one for one in names if not one.startswith("layer")} == {
        "certified 95 % interval (thin)",
        "paper's estimator",
        "quadrature",
        "pairwise bounds",
        "$H(X)$",
    }
    (plain,) = MutualInformation()(TABLES, CONTEXT).axes
    assert len(axes.get_lines()) == len(plain.get_lines()) + 5 + 2 * 5


@pytest.mark.parametrize("figure", [Fig4, Fig9])
def test_composites_have_four_lettered_panels(figure):
    drawn: Figure = figure()(TABLES, CONTEXT)
    letters = [place.get_suptitle() for place in drawn.subfigs]
    assert letters == ["(a)", "(b)", "(c)", "(d)"]


def test_fig9_needs_two_layers():
    tables = fake_tables(last=10)
    tables["density"] = tables["density"].query("layer == 1")
    with pytest.raises(ValueError, match="1 layers have densities"):
        Fig9()(tables, CONTEXT)


def test_fig1_has_a_panel_for_each_width_on_one_scale():
    axes = Fig1()(TABLES, CONTEXT).axes
    notes = [one.artists[0].get_texts()[0].get_text() for one in axes]
    assert notes == ["bin width 0.05", "bin width 0.5"]
    assert axes[0].get_ylim() == axes[1].get_ylim()
    for one, other in zip(axes, BinnedEntropy()(TABLES, CONTEXT).axes, strict=True):
        np.testing.assert_array_equal(
            labelled(one)["layer 5"].get_ydata(), labelled(other)["layer 5"].get_ydata()
        )


def test_inputs_are_those_of_layer_0():
    (axes,) = Inputs()(TABLES, CONTEXT).axes
    rows = TABLES["representation"].query("layer == 0")
    np.testing.assert_allclose(axes.collections[0].get_offsets(), np.stack(rows["value"]))
    without = fake_tables(last=10)
    without["representation"] = without["representation"].query("layer == 5")
    with pytest.raises(ValueError, match="layer 0"):
        Inputs()(without, CONTEXT)


def test_end_bins_of_unbounded_activations_say_that_they_hold_more():
    tables = fake_tables(last=10)
    ends = [axes.get_yticklabels() for axes in ActivationHistogram()(tables, CONTEXT).axes[:1]]
    assert [text.get_text() for text in ends[0]] == ["−1", "0", "1"]
    tables["layers"] = fake_layers(bounds=None)
    ends = [axes.get_yticklabels() for axes in ActivationHistogram()(tables, CONTEXT).axes[:1]]
    assert [text.get_text() for text in ends[0]] == ["≤ −1", "0", "≥ 1"]


def test_values_that_no_layer_has_take_no_room():
    tables = fake_tables(last=10)
    tables["layers"] = fake_layers(bounds=None)
    rows = tables["activation_histogram"]
    tables["activation_histogram"] = rows.assign(count=rows["count"].where(rows["left"] >= 0, 0))
    axes = ActivationHistogram()(tables, CONTEXT).axes[0]
    assert axes.get_ylim()[0] == pytest.approx(0.0, abs=0.1)
    assert [text.get_text() for text in axes.get_yticklabels()][-1] == "≥ 1"
    assert "≤ −1" not in [text.get_text() for text in axes.get_yticklabels()]
