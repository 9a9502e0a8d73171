"""What makes drawing faster: the same pictures, with less done for them."""

from contextlib import nullcontext

import matplotlib
import pytest
from fake_tables import fake_tables
from fontTools import subset
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.mathtext import MathTextParser
from matplotlib.transforms import Affine2D

from ib_runner.figures import style
from ib_runner.figures.activation_histogram import ActivationHistogram
from ib_runner.figures.drawing import bare_fonts, formulas_once, markers_shared, ticks_once
from ib_runner.figures.fig5 import Fig5
from ib_runner.figures.representation import Representation
from ib_runner.figures.style import encode
from ib_runner.selections.context import Context

TABLES, CONTEXT = fake_tables(), Context(experiment="fake")


@pytest.fixture
def searches(monkeypatch):
    """The axes that looked for their ticks, one for each time."""
    found = []
    search = Axis._update_ticks
    monkeypatch.setattr(Axis, "_update_ticks", lambda self: found.append(self) or search(self))
    return found


@pytest.mark.parametrize("figure", [ActivationHistogram, Fig5, Representation])
def test_pictures_are_those_of_matplotlib_alone_for_a_fraction_of_the_work(
    figure, searches, monkeypatch
):
    made = figure()
    ours = [encode(made(TABLES, CONTEXT), kind) for kind in ("png", "pdf")]
    few = sum(axis.axes.name != "3d" for axis in searches)
    searches.clear()
    for one in ("ticks_once", "markers_shared", "formulas_once"):
        monkeypatch.setattr(style, one, nullcontext)
    assert ours == [encode(made(TABLES, CONTEXT), kind) for kind in ("png", "pdf")]
    many = sum(axis.axes.name != "3d" for axis in searches)
    assert few <= many / 2 or many == 0


def test_ticks_follow_limits_sizes_and_scales_that_change():
    figure = Figure()
    axes = figure.subplots()
    with ticks_once():
        for change in (
            lambda: axes.set_xlim(0, 30),
            lambda: axes.set_position((0.1, 0.1, 0.08, 0.8)),
            lambda: axes.set_xlim(1, 1000),
            lambda: axes.set_xscale("log"),
            lambda: figure.set_dpi(30),
        ):
            change()
            labels = [tick.get_loc() for tick in axes.xaxis._update_ticks()]
            boxes = axes.xaxis.get_tightbbox().bounds
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Axis, "_update_ticks", Axis._update_ticks.__wrapped__)
                patch.setattr(Axis, "_get_ticklabel_bboxes", Axis._get_ticklabel_bboxes.__wrapped__)
                assert labels == [tick.get_loc() for tick in axes.xaxis._update_ticks()]
                assert boxes == axes.xaxis.get_tightbbox().bounds


def test_afterwards_matplotlib_and_fonttools_are_as_before():
    def names():
        ticks = Axis._update_ticks, Axis._get_ticklabel_bboxes
        return *ticks, subset.load_font, MarkerStyle._set_marker, MathTextParser._parse_cached

    before = names()
    quickly = ticks_once(), bare_fonts(), markers_shared(), formulas_once()
    with quickly[0], quickly[1], quickly[2], quickly[3]:
        assert all(one is not other for one, other in zip(before, names(), strict=True))
    quickly = ticks_once(), bare_fonts(), markers_shared(), formulas_once()
    with pytest.raises(ZeroDivisionError), quickly[0], quickly[1], quickly[2], quickly[3]:
        raise ZeroDivisionError
    assert before == names()


def test_a_matplotlib_without_these_names_is_left_alone(monkeypatch):
    search = Axis._update_ticks
    monkeypatch.delattr(Axis, "_get_ticklabel_bboxes")
    with ticks_once():
        assert Axis._update_ticks is search


def parts_of(style):
    """All that is drawn of a marker."""
    matrix = style.get_transform().get_matrix().tolist()
    looks = style.get_marker(), style.get_fillstyle(), style.get_joinstyle(), style.get_capstyle()
    return style.get_path().vertices.tolist(), matrix, *looks, style.get_snap_threshold()


@pytest.mark.parametrize("marker", ["o", "|", "D", "*", "None", 2, "$x$", (5, 1), [(0, 0), (1, 2)]])
def test_copies_of_markers_are_as_matplotlib_makes_them(marker):
    original = MarkerStyle(marker)
    parts = parts_of(original)
    expected = MarkerStyle(original)
    with markers_shared():
        shared = MarkerStyle(original)
        assert shared._path is original._path
    assert parts_of(shared) == parts_of(expected) == parts
    assert shared._marker_function.__self__ is shared
    shared._set_fillstyle("none")
    shared._recache()
    turned = shared.rotated(deg=30).get_transform().get_matrix().tolist()
    assert turned == expected.rotated(deg=30).get_transform().get_matrix().tolist()
    assert parts_of(original) == parts
    assert shared.get_fillstyle() == "none"


def test_markers_that_are_turned_are_copied_whole():
    original = MarkerStyle("o", transform=Affine2D().rotate_deg(10))
    with markers_shared():
        copied = MarkerStyle(original)
    assert copied._user_transform is not original._user_transform
    assert parts_of(copied) == parts_of(original)


def test_a_formula_is_set_once_for_each_resolution_font_and_style(monkeypatch):
    made = []
    cached = MathTextParser._parse_cached
    parse = cached.__wrapped__

    def counted(self, *arguments):
        made.append(arguments)
        return parse(self, *arguments)

    monkeypatch.setattr(cached, "__wrapped__", counted)
    text = r"$\beta_{7} + 10^{13}$"
    with formulas_once():
        first = MathTextParser("agg").parse(text, 300)
        assert MathTextParser("agg").parse(text, 300) is first
    with formulas_once():
        assert MathTextParser("agg").parse(text, 300) is first
        MathTextParser("agg").parse(text, 72)
        MathTextParser("path").parse(text, 300)
    assert len(made) == 3
    with matplotlib.rc_context({"mathtext.fontset": "cm"}), formulas_once():
        assert MathTextParser("agg").parse(text, 300).width != first.width
    with formulas_once():
        assert MathTextParser("agg").parse(text, 300).width == first.width


def test_a_matplotlib_without_these_names_is_left_alone_by_all(monkeypatch):
    monkeypatch.delattr(MarkerStyle, "_set_marker")
    monkeypatch.delattr(MathTextParser, "_parse_cached")
    with markers_shared(), formulas_once():
        assert not hasattr(MarkerStyle, "_set_marker")
        assert not hasattr(MathTextParser, "_parse_cached")
