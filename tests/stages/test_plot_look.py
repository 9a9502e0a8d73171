"""The keys of ``plot`` that say how figures look, from the command line to what is drawn."""

import struct

import matplotlib
import pytest
from fake_tables import fake_tables
from matplotlib.figure import Figure

from ib_runner.config.compose import compose, open_hydra, settings
from ib_runner.runs.folder import Run
from ib_runner.stages import plot_run
from ib_runner.tables.files import write_table

DOTS = 300


@pytest.fixture
def run(tmp_path):
    """Three tables of a run of 20 epochs and five layers."""
    config = compose(open_hydra(), "plot", ["+exp=szt_tanh", "trainer.epochs=20"])
    run = Run.create(settings(config), tmp_path / "run")
    (run.path / "measurements").mkdir()
    tables = fake_tables(last=20)
    for name in ("training", "binned_entropy", "mutual_information"):
        write_table(run.table_path(name), tables[name], name)
    write_table(run.table_path("layers"), tables("layers"), "layers", {"inputs": "all"})
    return run


@pytest.fixture
def draw(run, ib_run, monkeypatch):
    """The figures that ``ib-run plot`` writes with the words given, and its last lines."""

    def plot(*words, figures="losses", status=0):
        drawn = []
        encode = plot_run.encode
        monkeypatch.setattr(plot_run, "encode", lambda f, kind: drawn.append(f) or encode(f, kind))
        asked = [f"plot.figures=[{figures}]", "plot.formats=[png]", *words]
        found, _, err = ib_run("plot", f"run={run.path}", *asked)
        monkeypatch.setattr(plot_run, "encode", encode)
        assert found == status, err
        return drawn[0] if drawn else err

    return plot


def sizes(figure):
    texts = figure.findobj(matplotlib.text.Text)
    return {one.get_fontsize() for one in texts if one.get_text()}


def test_size_is_the_width_and_the_height_keeps_its_proportion(draw, run):
    usual = draw().get_size_inches()
    figure = draw("plot.size=5")
    assert figure.get_figwidth() == pytest.approx(5)
    assert figure.get_figheight() == pytest.approx(5 * usual[1] / usual[0])
    header = (run.path / "figures" / "losses.png").read_bytes()[16:24]
    assert struct.unpack(">II", header)[0] == pytest.approx(5 * DOTS, abs=1)


@pytest.mark.parametrize("name", ["losses", "mutual_information", "binned_entropy"])
def test_font_is_the_size_of_the_labels_and_all_text_follows(draw, name):
    usual = sizes(draw(figures=name))
    assert sizes(draw("plot.font=12", figures=name)) == {1.5 * one for one in usual}


def test_a_larger_font_takes_more_rows_of_the_key_and_a_higher_figure(draw):
    usual, larger = (draw(f"plot.font={font}", figures="mutual_information") for font in (8, 14))
    assert larger.get_figwidth() == usual.get_figwidth()
    assert larger.get_figheight() > usual.get_figheight() + 0.3
    (axes,) = larger.axes
    for legend in axes.artists:
        box = legend.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= larger.bbox.x1


def test_a_title_is_that_figures_alone(draw):
    words = ["plot.titles={losses: Loss of mine}"]
    assert draw(*words).get_suptitle() == "Loss of mine"
    assert draw(*words, figures="binned_entropy").get_suptitle() == ""


def test_layers_that_are_shown(draw):
    figure = draw("plot.layers=[2,5]", figures="mutual_information")
    labels = [one.get_label() for one in figure.axes[0].lines if one.get_label()[0] != "_"]
    assert labels == ["layer 2", "layer 5"]


def test_epochs_that_are_shown(draw):
    figure = draw("plot.epoch_range=[2,10]")
    epochs = [epoch for line in figure.axes[0].lines[:2] for epoch in line.get_xdata()]
    assert (min(epochs), max(epochs)) == (2, 10)


def test_a_style_of_matplotlib_or_a_file(draw, tmp_path):
    assert draw("plot.style=dark_background").get_facecolor() == (0, 0, 0, 1)
    (tmp_path / "mine.mplstyle").write_text("axes.linewidth: 3.5\n")
    spine = draw("plot.style=mine.mplstyle").axes[0].spines["left"]
    assert spine.get_linewidth() == 3.5
    assert draw().axes[0].spines["left"].get_linewidth() == 0.6


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("plot.size=0", "plot.size"),
        ("plot.font=-3", "plot.font"),
        ("plot.style=ggplod", "ggplot"),
        ("plot.epoch_range=[5,2]", "plot.epoch_range"),
        ("plot.layers=[0.5]", "plot.layers"),
        ("plot.titles={loses: Mine}", "plot.titles"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(draw, word, said):
    error = draw(word, status=2)
    assert said in error
    assert len(error.strip().splitlines()) <= 3


@pytest.mark.parametrize("style", [None, {"figure.constrained_layout.use": True}])
def test_a_figure_is_drawn_once_for_each_format(draw, style, tmp_path, monkeypatch):
    words = ["plot.formats=[png,pdf]"]
    if style:
        (tmp_path / "mine.mplstyle").write_text("".join(f"{k}: {v}\n" for k, v in style.items()))
        words.append(f"plot.style={tmp_path}/mine.mplstyle")
    drawn = []
    once = Figure.draw
    monkeypatch.setattr(
        Figure, "draw", lambda figure, renderer: drawn.append(figure) or once(figure, renderer)
    )
    draw(*words)
    assert len(drawn) == 2
