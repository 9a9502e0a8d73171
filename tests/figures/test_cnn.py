"""The figures of the CNN, drawn from made-up tables: Fig. 3, 7, 8, Table 1 and the slopes."""

import dataclasses
import itertools
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from fake_sweep import LAYERS, N_INPUTS, fake_sweep, slopes
from fake_tables import FakeTables, fake_tables
from matplotlib.figure import Figure
from PIL import Image

from ib_runner.figures.binned_entropy import BinnedEntropy
from ib_runner.figures.entropy_slope import EntropySlope
from ib_runner.figures.fig3 import Fig3
from ib_runner.figures.fig6 import Fig6
from ib_runner.figures.style import COLUMN, PAGE, STYLE, Look, encode, looking
from ib_runner.figures.table1 import Table1
from ib_runner.selections.context import Context
from ib_runner.selections.table1 import Condition

CONTEXT = Context(experiment="fake")
SLOPES = {1e-4: [-0.003, -0.002, 0.001], 1e-1: [-0.002, -0.001, -0.0005]}
SOME = [Condition(), Condition(beta=0.1), Condition(p=0.2)]


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {
        "Fig3": Fig3().over_runs(*fake_sweep(SOME)),
        "Table1": Table1().over_runs(*fake_sweep()),
        "EntropySlope": EntropySlope()(slopes(SLOPES), CONTEXT),
    }


def labels(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("name", ["Fig3", "Table1", "EntropySlope"])
def test_fonts_and_margins(name, drawn):
    texts = [text for text in drawn[name].findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    assert drawn[name].get_figwidth() <= PAGE
    drawn[name].canvas.draw()
    pixels = np.asarray(drawn[name].canvas.buffer_rgba())
    border = np.ones(pixels.shape[:2], dtype=bool)
    border[1:-1, 1:-1] = False
    assert (pixels[border] == 255).all()


def test_fig3_has_a_panel_for_each_layer_and_a_density_for_each_condition(drawn):
    figure = drawn["Fig3"]
    assert [axes.get_title() for axes in figure.axes] == [f"layer {layer}" for layer in LAYERS]
    assert labels(figure) == [
        "different seeds (3 pairs)",
        "β = 0.1 (3 pairs)",
        "dropout, p = 0.2 (3 pairs)",
    ]
    assert "deterministic, epoch 128" in figure.get_supxlabel()
    for axes in figure.axes:
        assert len(axes.patches) == 3
        for patch in axes.patches:
            heights, edges, _ = patch.get_data()
            assert np.sum(heights * np.diff(edges)) == pytest.approx(1.0)


def test_fig3_of_one_condition_shows_the_baseline_alone():
    figure = Fig3().over_runs(*fake_sweep(SOME[:1], seeds=[0, 1]))
    assert labels(figure) == ["different seeds (1 pair)"]


def test_fig3_takes_histograms_of_several_pairs_together():
    tables, runs = fake_sweep(SOME, seeds=[0, 1])
    table = tables["cosine_similarity"]
    one = (table["run_a"].str.endswith("_0")) & (table["run_b"].str.endswith("_0"))
    half = table.assign(count=table["count"].where(~one, 0))
    half.loc[one & (half["left"] == -1.0), "count"] = N_INPUTS
    tables["cosine_similarity"] = half
    heights, edges, _ = Fig3().over_runs(tables, runs).axes[0].patches[1].get_data()
    assert heights[0] * np.diff(edges)[0] == pytest.approx(0.5)


def test_table_1_says_means_and_spreads_beside_the_papers(drawn):
    found = words(drawn["Table1"])
    assert "50 ± 4.6 (n = 3)" in found
    assert "2200 ± 520 (n = 3)" in found
    assert {"50 ± 4.6", "50 ± 5.0", "51 ± 6.9", "86 ± 9.8", "2200 ± 520", "39 ± 3.9"} <= set(found)
    assert labels(drawn["Table1"]) == ["here, epoch 128", "paper, epoch 128"]
    names = [tick.get_text() for tick in drawn["Table1"].axes[0].get_yticklabels()]
    assert names == [
        "deterministic", "β = 0.05", "β = 0.1", "β = 0.2", "β = 0.5", "dropout, p = 0.2",
        "dropout of maps, p = 0.2",
    ]  # fmt: skip


def test_table_1_of_what_is_there():
    figure = Table1().over_runs(*fake_sweep(SOME[1:], seeds=[1], last=2))
    assert words(figure)[:2] == ["51 (n = 1)", "51 ± 6.9"]
    assert labels(figure)[0] == "here, epoch 2"


@pytest.mark.parametrize("dots", [72, 110, 150, 300])
def test_a_figure_is_whole_at_any_resolution(dots, drawn):
    with looking(Look()), pytest.MonkeyPatch.context() as patch:
        patch.setitem(STYLE, "savefig.dpi", dots)
        picture = np.asarray(Image.open(BytesIO(encode(drawn["Table1"], "png"))).convert("L"))
    inked = np.flatnonzero((picture < 200).any(axis=0))
    margins = np.array([inked[0], picture.shape[1] - 1 - inked[-1]]) / dots
    assert (margins > 0.03).all()  # inches


@pytest.mark.parametrize("size", [None, COLUMN])
@pytest.mark.parametrize("seeds", [[0], range(8)])
def test_words_of_table_1_are_whole_and_apart(seeds, size):
    long = [Condition(beta=0.0123457), Condition(p=0.123457, feature_maps=True)]
    with looking(Look(size=size)):
        figure = Table1().over_runs(*fake_sweep([Condition(), Condition(p=0.2), *long], seeds))
    figure.canvas.draw()
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    found = {text.get_text(): text.get_window_extent() for text in texts}
    assert "dropout of maps, p = 0.123457" in found
    edges = figure.bbox
    for box in found.values():
        assert edges.x0 <= box.x0
        assert box.x1 <= edges.x1
    (axes,) = figure.axes
    said = [text.get_window_extent() for text in axes.texts]
    assert len(said) == 6
    assert all(box.x0 > axes.bbox.x1 for box in said)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(said, 2))
    assert axes.bbox.width > 0.1 * edges.width
    ticks = [one.get_window_extent() for one in axes.get_xticklabels() if one.get_text()]
    inside = [box for box in ticks if axes.bbox.x0 <= (box.x0 + box.x1) / 2 <= axes.bbox.x1]
    assert len(inside) >= 2
    assert not any(one.overlaps(other) for one, other in itertools.combinations(inside, 2))


def test_table_1_of_a_regression_is_refused():
    tables, runs = fake_sweep()
    tables["training"] = tables["training"].assign(errors=np.nan)
    with pytest.raises(ValueError, match="has no errors"):
        Table1().over_runs(tables, runs)


def test_slopes_say_how_many_units_fall(drawn):
    panels = drawn["EntropySlope"].axes
    assert [axes.get_title("left") for axes in panels] == [
        "layer 3, bin width 0.0001",
        "layer 3, bin width 0.1",
    ]
    texts = [axes.texts[0].get_text() for axes in panels]
    assert texts[0].startswith("mean \N{MINUS SIGN}0.0013\n")
    assert [text.splitlines()[-1] for text in texts] == ["67 % negative", "100 % negative"]
    assert [sum(patch.get_height() for patch in axes.patches) for axes in panels] == [3, 3]
    assert "nats/epoch" in panels[-1].get_xlabel()


def test_fig7_shows_the_range_of_the_values():
    tables = fake_tables(last=10)
    lowest = BinnedEntropy(from_zero=False)(tables, CONTEXT).axes[0].get_ylim()[0]
    assert lowest > 0
    assert BinnedEntropy()(tables, CONTEXT).axes[0].get_ylim()[0] == 0


def test_fig8_shows_those_of_its_epochs_that_were_measured():
    def rows(context) -> list[str]:
        axes = Fig6(epochs=[0, 1, 32, 128])(fake_tables(last=10), context).axes
        return [one.get_ylabel() for one in axes if one.get_ylabel()]

    assert rows(CONTEXT) == ["epoch 0", "epoch 1"]
    assert rows(dataclasses.replace(CONTEXT, epochs=(2, 10))) == ["epoch 2", "epoch 10"]


def test_numbers_on_the_axes_are_written_out(drawn):
    """No 2 × 10², and no +9.21 above the axis."""
    drawn["Table1"].canvas.draw()
    axis = drawn["Table1"].axes[0].xaxis
    named = [tick.get_text() for tick in axis.get_ticklabels(which="both") if tick.get_text()]
    assert len(named) >= 2
    assert all(float(name) > 0 for name in named)
    tables = fake_tables()
    entropies = tables("binned_entropy").assign(bin_width=1.0)
    narrow = entropies.assign(entropy=9.21 + 1e-5 * entropies["entropy"])
    figure = BinnedEntropy(from_zero=False)(FakeTables(binned_entropy=narrow), CONTEXT)
    figure.canvas.draw()
    assert figure.axes[0].yaxis.get_offset_text().get_text() == ""


@pytest.mark.parametrize("size", [3e-9, 3e-5, 0.4, 7.0, 4e6])
def test_ticks_of_slopes_do_not_overlap_and_say_their_power_of_ten(size):
    figure = EntropySlope()(slopes({0.1: [-size, -size / 3, size / 2]}), CONTEXT)
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [one.get_window_extent() for one in axes.get_xticklabels() if one.get_text()]
    assert len(boxes) >= 3
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    shown = max(
        abs(float(one.get_text().replace("\N{MINUS SIGN}", "-"))) for one in axes.get_xticklabels()
    )
    factor = 1.0
    if "10^" in axes.get_xlabel():
        factor = 10.0 ** int(axes.get_xlabel().partition("10^{")[2].partition("}")[0])
    assert size / 2 <= shown * factor <= 2 * size
