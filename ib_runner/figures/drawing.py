"""Drawing in half the time: what matplotlib and fontTools do again and again is done once.

Nothing here changes a picture. Where a name that this rests on has gone, all is done as before.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import wraps
from types import MethodType
from typing import Any

import matplotlib
import numpy as np
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.axis import Axis, Tick, XTick, YTick
from matplotlib.cbook import CallbackRegistry
from matplotlib.markers import MarkerStyle
from matplotlib.mathtext import MathTextParser
from matplotlib.transforms import Bbox, BboxBase

#: tables of a font that shape running text
_SHAPING = ("GSUB", "GPOS", "GDEF")
#: tables of a font with the names of its glyphs, with their characters, and with their number
_NAMING = ("post", "cmap", "maxp")

#: ticks that are known to be no more than their lines and texts
_TICKS = (XTick, YTick)


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

    matplotlib has placed each glyph; reading those tables is four fifths of embedding a font. Of
    the rest, reading the names of all its thousands of glyphs is half, and done once.
    """
    load = subset.load_font

    def load_bare(*arguments: Any, **keywords: Any) -> TTFont:
        font = load(*arguments, **keywords)
        for one in _SHAPING:
            if one in font:
                del font[one]
        _name_glyphs(font)
        return font

    subset.load_font = load_bare
    try:
        yield
    finally:
        subset.load_font = load


#: by what a font's file says of them: its glyphs' names in order, and the tables of its names and
#: of the characters that they show
_glyphs: dict[Any, tuple[list[str], Any, Any]] = {}


def _name_glyphs(font: TTFont) -> None:
    """Give ``font`` the names of its glyphs, as it would read them itself."""
    if font.reader is None or not all(one in font for one in ("glyf", *_NAMING)):
        return
    key = tuple(font.reader[one] for one in _NAMING)
    if key not in _glyphs:
        order = font.getGlyphOrder()
        for one in font["cmap"].tables:
            one.ensureDecompiled()
            one.ttFont = None
        _glyphs[key] = order, font["post"], font["cmap"]
    order, post, cmap = _glyphs[key]
    # what takes glyphs away replaces these parts, but changes none of them in place
    font.setGlyphOrder(list(order))
    font["post"], font["cmap"] = copy(post), copy(cmap)
    font["cmap"].tables = [copy(one) for one in cmap.tables]
    for one in font["cmap"].tables:
        one.ttFont = font


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


@contextmanager
def ticks_copied() -> Iterator[None]:
    """For the length of the block, an axis makes one tick of each kind, and copies it for others.

    A tick is three lines and two texts; matplotlib makes each of them from its settings and then
    copies all properties from the first, place and text excepted.
    """
    make = getattr(Axis, "_get_tick", None)
    if make is None:
        yield
        return

    @wraps(make)
    def copied(axis: Axis, major: bool) -> Tick:
        there = vars(axis).get("majorTicks" if major else "minorTicks")
        if axis._tick_class not in _TICKS or not there or type(there[0]) is not axis._tick_class:
            return make(axis, major)
        return _copy_of(there[0])

    Axis._get_tick = copied
    try:
        yield
    finally:
        Axis._get_tick = make


def _copy_of(tick: Tick) -> Tick:
    """A tick at 0 that looks like ``tick``, and shares nothing with it that either may change."""
    new: Tick = _alike(tick)
    new.tick1line, new.tick2line = _alike(tick.tick1line), _alike(tick.tick2line)
    new.gridline = _alike(tick.gridline)
    new.label1, new.label2 = _alike(tick.label1), _alike(tick.label2)
    for label in (new.label1, new.label2):
        label._fontproperties = label._fontproperties.copy()
        label._text = ""
    new.update_position(0)
    return new


def _alike(artist: Any) -> Any:
    new = object.__new__(type(artist))
    # what belongs to the artist alone: those who listen to it, and edges that keep no margin
    edges = artist._sticky_edges  # None until someone asks for them
    own = {
        "_callbacks": CallbackRegistry(signals=["pchanged"]),
        "_sticky_edges": None if edges is None else type(edges)([], []),
    }
    vars(new).update(vars(artist), **own)
    return new


@contextmanager
def unions_at_once() -> Iterator[None]:
    """The box around several others is found with two calls of numpy, for the length of the block.

    matplotlib asks each of them for its four sides, with a call for each; a spine's ticks are many.
    """
    one_by_one = getattr(Bbox, "union", None)
    if one_by_one is None:
        yield
        return

    @wraps(one_by_one)
    def union(bboxes: Sequence[BboxBase]) -> Bbox:
        if not len(bboxes):
            return one_by_one(bboxes)
        points = np.array([one.get_points() for one in bboxes])
        return Bbox([points.min(axis=(0, 1)), points.max(axis=(0, 1))])

    Bbox.union = staticmethod(union)
    try:
        yield
    finally:
        Bbox.union = staticmethod(one_by_one)


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
