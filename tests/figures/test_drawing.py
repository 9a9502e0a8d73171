"""What makes drawing faster: the same pictures, with less done for them."""

from contextlib import nullcontext

import pytest
from fake_tables import fake_tables
from fontTools import subset
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from ib_runner.figures import style
from ib_runner.figures.activation_histogram import ActivationHistogram
from ib_runner.figures.drawing import bare_fonts, ticks_once
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
    monkeypatch.setattr(style, "ticks_once", nullcontext)
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
    before = Axis._update_ticks, Axis._get_ticklabel_bboxes, subset.load_font
    with pytest.raises(ZeroDivisionError), ticks_once(), bare_fonts():
        raise ZeroDivisionError
    assert before == (Axis._update_ticks, Axis._get_ticklabel_bboxes, subset.load_font)


def test_a_matplotlib_without_these_names_is_left_alone(monkeypatch):
    search = Axis._update_ticks
    monkeypatch.delattr(Axis, "_get_ticklabel_bboxes")
    with ticks_once():
        assert Axis._update_ticks is search
