"""Every figure, drawn from made-up tables: what is on it, in which unit, and from which tables."""

import dataclasses
import io
import math

import matplotlib
import matplotlib.image
import numpy as np
import pytest
from fake_tables import DIP, PEAK, SECOND_PEAK, WIDTHS, FakeTables, fake_tables
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_runner.figures.activation_histogram import ActivationHistogram
from ib_runner.figures.binned_entropy import BinnedEntropy
from ib_runner.figures.density import Density, DensityAtEpochs
from ib_runner.figures.distance_histogram import DistanceHistogram
from ib_runner.figures.fig1 import Fig1
from ib_runner.figures.fig4 import Fig4
from ib_runner.figures.fig5 import Fig5
from ib_runner.figures.fig6 import Fig6
from ib_runner.figures.fig9 import Fig9
from ib_runner.figures.inputs import Inputs
from ib_runner.figures.losses import Losses
from ib_runner.figures.mutual_information import MutualInformation
from ib_runner.figures.noise_levels import NoiseLevels
from ib_runner.figures.parameter import Parameter
from ib_runner.figures.representation import Representation
from ib_runner.figures.style import PAGE, encode
from ib_runner.selections.context import Context

N_LAYERS = len(WIDTHS)
CONTEXT = Context(experiment="fake")
BITS = dataclasses.replace(CONTEXT, unit="bits")
TABLES = fake_tables()
FIGURES = {
    figure.__name__: figure
    for figure in (
        ActivationHistogram,
        BinnedEntropy,
        Density,
        DensityAtEpochs,
        DistanceHistogram,
        Fig1,
        Fig4,
        Fig5,
        Fig6,
        Fig9,
        Inputs,
        Losses,
        MutualInformation,
        NoiseLevels,
        Parameter,
        Representation,
    )
}


@pytest.fixture(scope="module")
def read() -> dict[str, set[str]]:
    """The tables that a figure has asked for."""
    return {name: set() for name in FIGURES}


@pytest.fixture(scope="module")
def drawn(read) -> dict[str, Figure]:
    def draw(name: str) -> Figure:
        return FIGURES[name]()(lambda table: read[name].add(table) or TABLES(table), CONTEXT)

    return {name: draw(name) for name in FIGURES}


def panels(figure: Figure, label: str) -> list[Axes]:
    return [axes for axes in figure.axes if label in axes.get_ylabel()]


def curves(axes: Axes) -> dict[str, np.ndarray]:
    """The labelled lines' values."""
    lines = axes.get_lines()
    return {one.get_label(): one.get_ydata() for one in lines if one.get_label()[0] != "_"}


def key(axes: Axes) -> set[str]:
    """The words in the legends in and above ``axes``."""
    return {text.get_text() for one in axes.artists for text in one.get_texts()}


@pytest.mark.parametrize("name", FIGURES)
def test_reads_the_tables_it_says_it_needs(name, drawn, read):
    needed = set(FIGURES[name].tables_needed)
    # turning points of the information mark the epochs, where it is measured
    marking = {"mutual_information", "layers"}
    assert read[name] - marking == needed - marking
    for table in needed - {"layers"}:
        with pytest.raises(KeyError, match=table):
            FIGURES[name]()(TABLES.without(table), CONTEXT)


def test_without_information_the_marked_epochs_are_spread_over_the_axis():
    figure = Representation()(TABLES.without("mutual_information"), CONTEXT)
    epochs = [int(axes.get_title().split()[-1]) for axes in figure.axes]
    assert epochs[0] == 0
    assert epochs[-1] == 10_000
    assert np.diff(np.log1p(epochs)).max() < np.log1p(10_000) / 2


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_smaller_than_seven_points(name, drawn):
    texts = [text for text in drawn[name].findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7


@pytest.mark.parametrize("name", FIGURES)
def test_it_fits_the_page_and_nothing_is_cut_off(name, drawn):
    figure = drawn[name]
    assert figure.get_figwidth() <= PAGE
    pixels = matplotlib.image.imread(io.BytesIO(encode(figure, "png")))
    border = np.ones(pixels.shape[:2], dtype=bool)
    border[1:-1, 1:-1] = False
    assert (pixels[border] == 1).all()


@pytest.mark.parametrize("name", FIGURES)
def test_keys_are_inside_the_figure_and_outside_of_what_they_explain(name, drawn):
    figure = drawn[name]
    figure.canvas.draw()
    for axes in figure.axes:
        for one in axes.artists:
            box = one.get_window_extent()
            assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
            inside = one.get_texts()[0].get_text().startswith("bin width")
            assert inside or box.y0 >= axes.bbox.y1 - 1


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_encoded_twice_the_bytes_are_the_same(kind, start, drawn):
    once = encode(drawn["Losses"], kind)
    assert once.startswith(start)
    assert once == encode(drawn["Losses"], kind)
    assert b"/Subtype /Type3" not in once


def test_the_users_style_is_neither_used_nor_changed(drawn):
    with matplotlib.rc_context({"lines.linewidth": 17.0, "font.size": 30.0}):
        before = dict(matplotlib.rcParams)
        figure = Losses()(TABLES, CONTEXT)
        assert dict(matplotlib.rcParams) == before
    assert encode(figure, "png") == encode(drawn["Losses"], "png")


def test_mutual_information_shows_every_layer_with_its_interval(drawn):
    (axes,) = panels(drawn["MutualInformation"], "I(X;T")
    assert axes.get_ylabel() == r"$I(X;T_\ell)$ [nats]"
    assert axes.get_xlabel() == "epoch"
    table = TABLES["mutual_information"]
    table = table[table["method"] == "coupled"]
    lines = curves(axes)
    assert list(lines) == [f"layer {layer}" for layer in range(1, N_LAYERS + 1)]
    for layer in range(1, N_LAYERS + 1):
        np.testing.assert_array_equal(
            lines[f"layer {layer}"], table[table["layer"] == layer].sort_values("epoch")["mi"]
        )
    last = table[table["layer"] == N_LAYERS].sort_values("epoch")
    band = axes.collections[N_LAYERS - 1].get_paths()[0].vertices
    assert set(np.round(last["lower"], 9)) <= set(np.round(band[:, 1], 9))
    assert set(np.round(last["upper"], 9)) <= set(np.round(band[:, 1], 9))
    crosses = [line for line in axes.get_lines() if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crosses] == [3] * N_LAYERS


def test_intervals_with_one_end_are_triangles_not_estimates():
    table, h_x = TABLES["mutual_information"].copy(), math.log(4096)
    layer_1 = (table["method"] == "coupled") & (table["layer"] == 1)
    layer_5 = (table["method"] == "coupled") & (table["layer"] == N_LAYERS)
    table.loc[layer_1, ["lower", "upper"]] = [h_x / 2, h_x]
    early = layer_5 & (table["epoch"] < PEAK)
    table.loc[early, "lower"] = 0.0
    (axes,) = MutualInformation()(FakeTables(TABLES, mutual_information=table), CONTEXT).axes
    lower, upper = ([one for one in axes.get_lines() if one.get_marker() == mark] for mark in "^v")
    assert set(lower[0].get_ydata()) == {h_x / 2}
    of_epochs = table[early].sort_values("epoch")
    np.testing.assert_array_equal(upper[0].get_ydata(), of_epochs["upper"])
    lines = curves(axes)
    assert np.isnan(lines["layer 1"]).all()
    assert np.isnan(lines[f"layer {N_LAYERS}"]).sum() == early.sum()
    assert np.isfinite(lines["layer 2"]).all()
    assert {"lower bound alone", "upper bound alone"} <= key(axes)


def test_the_key_names_impossible_values():
    table = TABLES["mutual_information"].copy()
    table.loc[table["method"] == "paper", ["mi", "status"]] = [9.0, "impossible"]
    (axes,) = MutualInformation()(FakeTables(TABLES, mutual_information=table), CONTEXT).axes
    assert "impossible: outside [0, $H(X)$]" in key(axes)
    assert sum(one.get_markersize() == 9 for one in axes.get_lines()) == N_LAYERS


@pytest.mark.parametrize("n_classes", [2, 10])
def test_the_legend_of_classes_fits_the_column_and_no_colour_comes_twice(n_classes):
    table = TABLES["representation"]
    tables = FakeTables(TABLES, representation=table.assign(label=table["sample"] % n_classes))
    figure = Representation()(tables, CONTEXT)
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert len({handle.get_color() for handle in legend.legend_handles}) == n_classes


@pytest.mark.parametrize("figure", [Fig5, MutualInformation])
def test_without_an_estimate_the_panel_says_so(figure):
    tables = fake_tables(last=10)
    empty = tables["mutual_information"].assign(
        mi=np.nan, lower=np.nan, upper=np.nan, status="vacuous"
    )
    tables["mutual_information"] = empty
    (axes,) = panels(figure()(tables, CONTEXT), "I(X;T")
    assert [text.get_text() for text in axes.texts] == ["no estimate: vacuous"]


@pytest.mark.parametrize(
    ("figure", "label"),
    [(MutualInformation, "I(X;T"), (BinnedEntropy, "H("), (Losses, "loss")],
)
def test_bits_are_nats_over_ln_2(figure, label):
    nats, bits = (panels(figure()(TABLES, context), label)[0] for context in (CONTEXT, BITS))
    assert nats.get_ylabel().replace("nats", "bits") == bits.get_ylabel()
    for name, values in curves(nats).items():
        np.testing.assert_allclose(curves(bits)[name], values / math.log(2))


def test_a_squared_error_has_no_bits():
    squared = dataclasses.replace(BITS, loss="mse")
    (axes,) = Losses()(TABLES, squared).axes
    loss = TABLES["training"].query("split == 'test'")["loss"]
    np.testing.assert_array_equal(curves(axes)["test"], loss)
    assert "bits" not in axes.get_ylabel()


def test_binned_entropy_has_a_panel_for_each_width(drawn):
    axes = panels(drawn["BinnedEntropy"], "H(")
    assert "bin width 0.05" in key(axes[0])
    assert "bin width 0.5" in key(axes[1])
    table = TABLES["binned_entropy"]
    whole = table[table["unit"].isna() & (table["bin_width"] == 0.5) & (table["layer"] == 5)]
    np.testing.assert_array_equal(curves(axes[1])["layer 5"], whole["entropy"])


def test_epoch_0_has_a_place_on_the_logarithmic_axis(drawn):
    (axes,) = drawn["Losses"].axes
    ticks = [text.get_text() for text in axes.get_xticklabels()]
    assert ticks == ["0", "1", "10", "$10^{2}$", "$10^{3}$", "$10^{4}$"]
    pixels = axes.transData.transform([(x, 0.1) for x in (0, 1, 10, 100, 10_000)])[:, 0]
    assert pixels[1] - pixels[0] > 8
    assert pixels[3] - pixels[2] == pytest.approx((pixels[4] - pixels[3]) / 2)
    assert axes.bbox.x0 < pixels[0]
    assert pixels[4] < axes.bbox.x1


def test_activations_sum_to_one_at_every_epoch(drawn):
    meshes = [axes.collections[0] for axes in panels(drawn["ActivationHistogram"], "value")]
    meshes = [mesh for mesh in meshes if isinstance(mesh, matplotlib.collections.QuadMesh)]
    assert len(meshes) >= N_LAYERS
    shares = np.ma.filled(meshes[0].get_array(), 0.0)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)


def test_scatter_plots_stand_at_the_turning_points_and_the_end(drawn):
    axes = drawn["Representation"].axes
    assert [one.get_title() for one in axes] == [
        f"A: epoch {PEAK}",
        f"B: epoch {DIP}",
        f"C: epoch {SECOND_PEAK}",
        "D: epoch 10000",
    ]
    rows = TABLES["representation"].query(f"epoch == {PEAK}")
    points = np.stack(axes[0].collections[0]._offsets3d, axis=1)
    np.testing.assert_allclose(points, np.stack(rows["value"].to_list()))
    assert len(np.unique(axes[0].collections[0].get_facecolors(), axis=0)) == 2


def test_scatter_plots_of_many_units_show_principal_components():
    tables = fake_tables(last=10)
    table = tables["representation"]
    rng = np.random.default_rng(0)
    plane = np.outer(np.arange(len(table)), [3.0, 4.0, 0.0, 0.0, 0.0])
    plane += 1e-3 * rng.standard_normal(plane.shape)
    tables["representation"] = table.assign(value=list(plane))
    axes = Representation()(tables, dataclasses.replace(CONTEXT, epochs=(10,))).axes[0]
    assert axes.get_xlabel() == "PC 1"
    x, y, _ = axes.collections[0]._offsets3d
    assert np.std(x) > 1000 * np.std(y)


def test_two_units_lie_in_a_plane():
    tables = fake_tables(last=10)
    table = tables["representation"]
    tables["representation"] = table.assign(value=[value[:2] for value in table["value"]])
    axes = Representation()(tables, dataclasses.replace(CONTEXT, epochs=(10,))).axes[0]
    assert axes.name == "rectilinear"
    assert axes.get_ylabel() == "unit 2"


def test_chosen_epochs_win_and_unmeasured_ones_are_refused():
    chosen = dataclasses.replace(CONTEXT, epochs=(PEAK, 0))
    titles = [axes.get_title() for axes in Representation()(TABLES, chosen).axes]
    assert titles == ["A: epoch 0", f"B: epoch {PEAK}"]
    wrong = dataclasses.replace(CONTEXT, epochs=(0, 9999))
    with pytest.raises(ValueError, match=r"plot\.epochs: epoch 9999 was not measured"):
        Representation()(TABLES, wrong)


def test_fig5_is_made_of_its_panels(drawn):
    figure = drawn["Fig5"]
    for label in ("I(X;T", "H(", "loss"):
        assert len(panels(figure, label)) == 1
    titles = [axes.get_title() for axes in figure.axes]
    assert [f"layer {layer}" in titles for layer in range(1, N_LAYERS + 1)] == [True] * N_LAYERS
    (information,) = panels(figure, "I(X;T")
    marks = {text.get_text(): text.xy for text in information.texts}
    assert list(marks) == ["A", "B", "C", "D"]
    truth = TABLES["mutual_information"].query("layer == 5 and method == 'coupled'")
    truth = truth.set_index("epoch")["mi"]
    for letter, epoch in zip("ABCD", (PEAK, DIP, SECOND_PEAK, 10_000), strict=True):
        assert marks[letter] == (epoch, truth[epoch])
        assert f"{letter}: epoch {epoch}" in titles
    (entropy,) = panels(figure, "H(")
    assert key(entropy) == {"bin width 0.05"}


def test_fig6_has_a_row_for_each_epoch_and_a_column_for_each_layer(drawn):
    axes = drawn["Fig6"].axes
    assert len(axes) == 4 * (N_LAYERS + 1)
    assert [one.get_title() for one in axes[: N_LAYERS + 1]] == [
        "input",
        *(f"layer {layer}" for layer in range(1, N_LAYERS + 1)),
    ]
    rows = [one.get_ylabel() for one in axes if one.get_ylabel()]
    assert rows == [f"epoch {epoch}" for epoch in (PEAK, DIP, SECOND_PEAK, 10_000)]
    within = [patch for patch in axes[1].patches if patch.get_label() == "within"]
    heights, edges, _ = within[0].get_data()
    assert np.sum(heights * np.diff(edges)) == pytest.approx(1.0)


@pytest.mark.parametrize("figure", [MutualInformation, Fig5])
def test_one_measured_epoch_is_seen(figure):
    once = {name: table.query("epoch == 0") for name, table in TABLES.items() if "epoch" in table}
    (axes,) = panels(figure()(FakeTables(TABLES, **once), CONTEXT), "I(X;T")
    drawn = [line for line in axes.get_lines() if line.get_label().startswith("layer")]
    assert len(drawn) == len(WIDTHS)
    assert all(line.get_marker() == "." for line in drawn)
