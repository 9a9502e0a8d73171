"""Drawing in half the time: what matplotlib and fontTools do again and again is done once.

Nothing here changes a picture. Where a name that this rests on has gone, all is done as before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from types import MethodType
from typing import Any

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.axis import Axis
from matplotlib.markers import MarkerStyle
from matplotlib.mathtext import MathTextParser

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


@contextmanager
def markers_shared() -> Iterator[None]:
    """A copy of a marker shares its outline with the original, for the length of the block.

    matplotlib copies outline, transforms and, by a reference, the whole original three times for
    each tick of an axis. It replaces these parts, but changes none of them in place.
    """
    set_marker = getattr(MarkerStyle, "_set_marker", None)
    if set_marker is None:
        yield
        return

    @wraps(set_marker)
    def sharing(style: MarkerStyle, marker: Any) -> None:
        parts = vars(marker) if type(marker) is MarkerStyle else {}
        made_by = parts.get("_marker_function")
        # markers that the user has turned are changed in place
        if not isinstance(made_by, MethodType) or parts.get("_user_transform", 0) is not None:
            set_marker(style, marker)
            return
        vars(style).update(parts, _marker_function=MethodType(made_by.__func__, style))

    MarkerStyle._set_marker = sharing
    try:
        yield
    finally:
        MarkerStyle._set_marker = set_marker


#: formulas that are set, by kind of output, text, resolution and font; and the style of all of them
_formulas: dict[Any, Any] = {}
_formulas_style: dict[str, Any] = {}


@contextmanager
def formulas_once() -> Iterator[None]:
    """In blocks of one style, a formula, such as 10³ at a tick, is set once for each resolution.

    matplotlib forgets it with the figure, and with each of its files.
    """
    cached = getattr(MathTextParser, "_parse_cached", None)
    parse = getattr(cached, "__wrapped__", None)
    if parse is None:
        yield
        return
    if _formulas_style != matplotlib.rcParams:
        _formulas_style.clear()
        _formulas_style.update(matplotlib.rcParams)
        _formulas.clear()

    def parsed(parser: MathTextParser, *arguments: Any) -> Any:
        key = parser._output_type, *arguments
        if key not in _formulas:
            _formulas[key] = parse(parser, *arguments)
        return _formulas[key]

    MathTextParser._parse_cached = parsed
    try:
        yield
    finally:
        MathTextParser._parse_cached = cached
