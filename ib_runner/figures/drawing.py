"""Drawing in half the time: what matplotlib and fontTools do again and again is done once.

Nothing here changes a picture. Where a name that this rests on has gone, all is done as before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.axis import Axis

#: tables of a font that shape running text
_SHAPING = ("GSUB", "GPOS", "GDEF")


@contextmanager
def ticks_once() -> Iterator[None]:
    """For the length of the block, an axis finds its ticks once for each place and size it has.

    Each of the labels, titles and spines beside an axis asks it for its ticks and how far their
    labels reach, four times between two changes. Nothing may be altered by hand in the block.
    """
    find, measure = (getattr(Axis, one, None) for one in ("_update_ticks", "_get_ticklabel_bboxes"))
    if find is None or measure is None:
        yield
        return
    found: dict[Axis, tuple[Any, Any]] = {}
    measured: dict[Axis, tuple[Any, Any]] = {}

    @wraps(find)
    def ticks(axis: Axis) -> Any:
        if (state := _state(axis)) is None:
            return find(axis)
        before, kept = found.get(axis, (None, None))
        if before != state:
            kept = find(axis)
            found[axis] = _state(axis), kept  # finding ticks may bring the limits up to date
        return kept

    @wraps(measure)
    def boxes(axis: Axis, drawn: Any, renderer: Any) -> Any:
        if (state := _state(axis)) is None:
            return measure(axis, drawn, renderer)
        asked = state, drawn, renderer
        before, kept = measured.get(axis, (None, None))
        if before != asked:
            kept = measure(axis, drawn, renderer)
            measured[axis] = asked, kept
        return kept

    Axis._update_ticks, Axis._get_ticklabel_bboxes = ticks, boxes
    try:
        yield
    finally:
        Axis._update_ticks, Axis._get_ticklabel_bboxes = find, measure


def _state(axis: Axis) -> Any:
    """All that ticks of ``axis`` depend on while a figure is drawn; None in three dimensions."""
    axes = axis.axes
    if axes.name == "3d":  # such an axis moves its ticks anew each time
        return None
    dpi = axes.get_figure(root=True).dpi
    place = axis.get_view_interval().tolist(), axes.bbox.extents.tolist(), dpi
    return place, axis.get_scale(), axis.get_major_locator(), axis.get_minor_locator()


@contextmanager
def bare_fonts() -> Iterator[None]:
    """Embed fonts without the tables that shape running text, for the length of the block.

    matplotlib has placed each glyph; reading those tables is four fifths of embedding a font.
    """
    load = subset.load_font

    def load_bare(*arguments: Any, **keywords: Any) -> TTFont:
        font = load(*arguments, **keywords)
        for one in _SHAPING:
            if one in font:
                del font[one]
        return font

    subset.load_font = load_bare
    try:
        yield
    finally:
        subset.load_font = load
