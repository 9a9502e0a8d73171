"""One look for all figures: sizes in print, fonts of 7 points and more, colours for everyone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from io import BytesIO
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure

from ib_runner.figures.drawing import (
    bare_fonts,
    formulas_once,
    markers_shared,
    ticks_copied,
    ticks_once,
    unions_at_once,
)
from ib_runner.wording import near_miss

#: widths of the paper's column and page, inches
COLUMN, PAGE = 3.25, 6.75

#: Okabe & Ito's colours, told apart with any colour vision: blue, vermilion, green, pink; and wine,
#: dark enough for the thin line of a fifth layer
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#882255", "#E69F00")
GREY = "#666666"
#: colours of ten classes, of which the first two are no layer's
CLASSES = (
    *("#222222", "#56B4E9", "#D55E00", "#009E73", "#CC79A7"),
    *("#E69F00", "#0072B2", "#F0E442", "#882255", "#999999"),
)
DENSITY_MAP = "YlGnBu"  # lighter where values are rarer, for any colour vision and in grey

STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.columnspacing": 1.2,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "text.hinting": "none",  # text as wide at any resolution as where the figure was laid out
    "mathtext.fontset": "dejavusans",
    "pdf.fonttype": 42,  # TrueType, which journals accept and editors can edit
    "savefig.dpi": 300,
    "svg.hashsalt": "ib-run",  # names inside the file, the same each time
}


@dataclass(frozen=True)
class Look:
    """The user's settings from ``plot.*``; None leaves the default.

    ``size`` (width, inches), ``font`` (points), matplotlib's ``style`` by name or file, and a
    figure's ``title``.
    """

    size: float | None = None
    font: float | None = None
    style: str | None = None
    title: str | None = None


_look: ContextVar[Look] = ContextVar("look", default=Look())  # noqa: B039 - frozen


@contextmanager
def looking(look: Look) -> Iterator[None]:
    """Draw and encode figures with this ``look`` for the length of the block.

    Raises ``ValueError`` for an unknown style.
    """
    before = _look.set(look)
    try:
        _users_style(look.style)
        yield
    finally:
        _look.reset(before)


@cache
def _users_style(style: str | None) -> Mapping[str, Any]:
    if style is None:
        return {}
    if style in matplotlib.style.library:
        return matplotlib.style.library[style]
    try:
        return matplotlib.rc_params_from_file(style, use_default_template=False)
    except OSError as error:
        hint = near_miss(style, matplotlib.style.available)
        raise ValueError(
            f"plot.style={style}: neither a file nor a style of matplotlib.{hint}"
        ) from error


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """``draw`` run in this style, independent of the user's settings of matplotlib."""

    @wraps(draw)
    def inside(*arguments: Any, **keywords: Any) -> Figure:
        with _style(), _quickly():
            figure = draw(*arguments, **keywords)
            if title := _look.get().title:
                figure.suptitle(title)
            _lay_out(figure)
            return figure

    return inside


@contextmanager
def _quickly() -> Iterator[None]:
    """Make and draw what is in one style with less work."""
    with markers_shared(), ticks_copied(), unions_at_once(), formulas_once():
        yield


def _lay_out(figure: Figure) -> None:
    """Lay out ``figure`` once, where matplotlib would do so again for every file format.

    Afterwards the figure has no layout engine: the engine "none" would cost a further drawing.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        with ticks_once():
            engine.execute(figure)
    figure.set_layout_engine(None)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, ``width`` × ``height`` inches, outside pyplot's list of figures."""
    size = _look.get().size
    times = 1 if size is None else size / width
    figure = Figure(figsize=(width * times, height * times), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def grow(figure: Figure, height: float) -> None:
    """Make ``figure`` higher by ``height``, inches."""
    figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + height)


def small() -> float:
    """The font size of ticks and legends, points."""
    return float(matplotlib.rcParams["legend.fontsize"])


def bar_aspect(figure: Figure | SubFigure) -> float:
    """Length by width of a colour bar along the height of ``figure``: a tenth of an inch wide."""
    return max(10.0, 10.0 * figure.bbox.height / figure.get_figure(root=True).dpi)


def letter(figure: SubFigure, name: str) -> None:
    """Write the letter ``name``, (a), (b), …, into the upper left corner of a part of a figure."""
    figure.suptitle(f"({name})", x=0.01, ha="left", fontsize="medium", fontweight="bold")


def encode(figure: Figure, kind: str) -> bytes:
    """``figure`` as the contents of a png or pdf file, without date: same figure, same bytes."""
    buffer = BytesIO()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind, {})
    with _style(), _quickly(), ticks_once(), bare_fonts():
        figure.savefig(buffer, format=kind, metadata=undated)
    return buffer.getvalue()


def colour(index: int, palette: tuple[str, ...] = PALETTE) -> str:
    """The colour for ``index`` = 0, 1, …, from the start again when ``palette`` is used up."""
    return palette[index % len(palette)]


def _style() -> Any:
    look = _look.get()
    own = {**STYLE, **_users_style(look.style)}
    if look.font is not None:
        times = look.font / STYLE["font.size"]
        sizes = (one for one, value in STYLE.items() if one.endswith("size") and value)
        own |= {one: STYLE[one] * times for one in sizes}
    # each figure is laid out once, by _lay_out
    fixed = {"figure.autolayout": False, "figure.constrained_layout.use": False}
    return matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **own, **fixed})
