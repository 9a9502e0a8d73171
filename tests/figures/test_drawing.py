"""What makes drawing faster: the same pictures, with less done for them."""

from contextlib import ExitStack, nullcontext

import matplotlib
import numpy as np
import pytest
from fake_tables import fake_tables
from fontTools import subset
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XTick
from matplotlib.backends._backend_pdf_ps import font_as_file, get_glyphs_subset
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import CallbackRegistry
from matplotlib.figure import Figure
from matplotlib.font_manager import FontPath, FontProperties
from matplotlib.markers import MarkerStyle
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox, TransformNode

from ib_runner.figures import drawing, style
from ib_runner.figures.activation_histogram import ActivationHistogram
from ib_runner.figures.drawing import (
    bare_fonts,
    formulas_once,
    markers_shared,
    ticks_copied,
    ticks_once,
    unions_at_once,
)
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
    for one in (
        *("ticks_once", "ticks_copied", "markers_shared", "formulas_once", "unions_at_once"),
    ):
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
        ticks = Axis._update_ticks, Axis._get_ticklabel_bboxes, Axis._get_tick
        return (
            *ticks,
            Bbox.union,
            subset.load_font,
            MarkerStyle._set_marker,
            MathTextParser._parse_cached,
        )

    before = names()

    def quickly():
        together = ExitStack()
        for one in (ticks_once, ticks_copied, bare_fonts, markers_shared, formulas_once):
            together.enter_context(one())
        together.enter_context(unions_at_once())
        return together

    with quickly():
        assert all(one is not other for one, other in zip(before, names(), strict=True))
    with pytest.raises(ZeroDivisionError), quickly():
        raise ZeroDivisionError
    assert before == names()


def test_a_matplotlib_without_these_names_is_left_alone(monkeypatch):
    search = Axis._update_ticks
    monkeypatch.delattr(Axis, "_get_ticklabel_bboxes")
    with ticks_once():
        assert Axis._update_ticks is search


def told(value, known=()):
    """What ``value`` is made of, but for what is told already: the same for two that look alike."""
    if isinstance(value, Axes | Figure | TransformNode) or any(value is one for one in known):
        return type(value)
    if isinstance(value, CallbackRegistry):
        return repr(value.callbacks)
    if isinstance(value, Artist | MarkerStyle | Path | FontProperties):
        parts = {key: told(one, (*known, value)) for key, one in vars(value).items()}
        return type(value), parts
    return repr(value) if not callable(value) else getattr(value, "__func__", value)


@pytest.mark.parametrize("name", ["xaxis", "yaxis"])
@pytest.mark.parametrize("major", [True, False])
@pytest.mark.parametrize(
    "look", [{}, {"direction": "inout", "pad": 9, "labelrotation": 30, "grid_color": "#12345678"}]
)
def test_a_copied_tick_is_as_matplotlib_makes_it(name, major, look):
    figure = Figure()
    axis = getattr(figure.subplots(), name)
    axis.set_tick_params(which="both", **look)
    count = axis.get_major_ticks if major else axis.get_minor_ticks
    first = count(1)[0]
    first.update_position(3.0)
    first.label1.set_text("three")
    expected = axis._get_tick(major)
    axis._copy_tick_props(first, expected)
    with ticks_copied():
        copied = axis._get_tick(major)
        axis._copy_tick_props(first, copied)
    for tick in (expected, copied):
        tick.update_position(7.0)
        tick.label1.set_text("seven")
    assert told(copied) == told(expected)
    renderer = FigureCanvasAgg(figure).get_renderer()
    ours, theirs = (
        [part.get_window_extent(renderer).extents.tolist() for part in tick.get_children()]
        for tick in (copied, expected)
    )
    assert ours == theirs


def test_a_copied_tick_shares_nothing_that_may_change():
    axis = Figure().subplots().xaxis
    axis.set_tick_params(which="both", length=5)
    with ticks_copied():
        first, second = axis.get_major_ticks(2)
    before = told(first)
    second.update_position(4.0)
    second.label1.set(text="four", fontsize=30, color="red", rotation=10, in_layout=False)
    second.tick1line.set(marker="o", markersize=9, fillstyle="none", dashes=(1, 2))
    second.gridline.set(visible=True, linewidth=9)
    second.gridline.sticky_edges.x.append(4.0)
    second.gridline.add_callback(print)
    second.gridline.get_path()._interpolation_steps = 7
    second._apply_params(pad=20, labelrotation=45)
    assert told(first) == before


def test_ticks_of_a_users_own_kind_are_made_by_matplotlib():
    class Own(XTick):
        pass

    axis = Figure().subplots().xaxis
    first = axis.get_major_ticks(1)[0]
    axis._tick_class = Own
    with ticks_copied():
        second, third = axis.get_major_ticks(3)[1:]
    assert type(first) is XTick
    assert type(second) is type(third) is Own


@pytest.mark.parametrize("odd", [0.0, -0.0, np.inf, -np.inf, np.nan])
def test_the_box_around_others_is_matplotlibs(odd):
    random = np.random.default_rng(3)
    for n in (1, 2, 9):
        boxes = [Bbox(random.normal(size=(2, 2))) for _ in range(n)]
        boxes[n // 2] = TransformedBbox(Bbox([[odd, 1.0], [-3.0, odd]]), Affine2D().scale(2.0))
        boxes[0] = boxes[0].frozen()
        for some in (boxes, [*boxes, Bbox.null()]):
            expected = Bbox.union(some)
            with unions_at_once(), np.errstate(all="raise"):
                found = Bbox.union(some)
            # a text for each: zeros have their sign, and NaN has none
            assert str(found.get_points().tolist()) == str(expected.get_points().tolist())
            assert type(found) is Bbox
            assert found.minpos.tolist() == expected.minpos.tolist()
    with unions_at_once(), pytest.raises(ValueError, match="cannot be empty"):
        Bbox.union([])


def test_fonts_are_embedded_the_same_whatever_was_embedded_before(monkeypatch):
    def embedded(name, text):
        path = FontPath(font_manager.findfont(name), 0)
        glyphs = {font_manager.get_font(path).get_char_index(ord(one)) for one in text}
        with bare_fonts(), get_glyphs_subset(path, glyphs) as found:
            data = font_as_file(found.font).getvalue()
            return data, found.glyph_index_map

    asked = [
        (name, text)
        for name in ("DejaVu Sans", "DejaVu Sans:bold", "DejaVu Sans Mono", "STIXGeneral", "cmr10")
        for text in ("abc", "αβγ ℓ 10³", "abc−1.5")
    ]
    monkeypatch.setattr(drawing, "_name_glyphs", lambda font: None)
    alone = [embedded(*one) for one in asked]
    monkeypatch.undo()
    monkeypatch.setattr(drawing, "_glyphs", {})
    assert [embedded(*one) for one in asked] == alone
    assert len(drawing._glyphs) == 5
    assert [embedded(*one) for one in reversed(asked)] == alone[::-1]


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
