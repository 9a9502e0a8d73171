"""Legends outside of what they explain, in as few rows as fit, read row by row."""

from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox, ScaledTranslation, blended_transform_factory

#: spacing of legend entries, in font sizes
TIGHT = {"handlelength": 1.0, "handletextpad": 0.4, "columnspacing": 0.8, "borderpad": 0.3}
#: the share of the width for entries, as text is a little wider at other resolutions
_ROOM = 0.96


def legend_above(axes: Axes, *groups: Sequence[Artist]) -> float:
    """Draw a legend above ``axes`` for several ``groups`` of labelled handles.

    Each group begins a new row at the left edge of the figure, the first group on top. Returns the
    height of the legend in inches.
    """
    figure = axes.get_figure()
    height = 0.0
    for group in reversed([one for one in groups if one]):
        lifted = ScaledTranslation(0, height, axes.get_figure(root=True).dpi_scale_trans)
        place = blended_transform_factory(figure.transSubfigure, axes.transAxes) + lifted
        make = partial(
            _Above,
            axes,
            loc="lower left",
            bbox_to_anchor=(0.01, 1.0),
            bbox_transform=place,
            borderaxespad=0.2,
            labelspacing=0.3,
            **TIGHT,
        )
        legend = in_rows(make, group, figure)
        axes.add_artist(legend)
        legend.set_clip_on(False)  # the layout gives clipped artists outside the axes no room
        height += _size(legend)[1]
    return height


class _Above(Legend):
    """A legend that the layout takes to be no wider than its axes, so that these do not shrink."""

    def get_tightbbox(self, renderer: RendererBase | None = None) -> Bbox:
        box, across = super().get_tightbbox(renderer), self.axes.bbox
        return Bbox([[across.x0, box.y0], [across.x1, box.y1]])


def note(axes: Axes, text: str) -> None:
    """Write ``text`` inside ``axes``, where it covers least."""
    empty = Line2D([], [], linestyle="none")
    axes.add_artist(Legend(axes, [empty], [text], loc="best", handlelength=0, handletextpad=0))


def in_rows(
    make: Callable[..., Legend], handles: Sequence[Artist], figure: Figure | SubFigure
) -> Legend:
    """The legend by ``make(handles=…, labels=…, ncols=…)`` with as many columns as fit ``figure``.

    ``handles`` are labelled, and read row by row.
    """
    width = _ROOM * figure.bbox.width / figure.get_figure(root=True).dpi
    n_columns = len(handles)
    while True:
        # reordered, as matplotlib fills legends column by column
        by_row = [one for k in range(n_columns) for one in handles[k::n_columns]]
        labels = [str(one.get_label()) for one in by_row]
        legend = make(handles=by_row, labels=labels, ncols=n_columns)
        if n_columns == 1 or _size(legend)[0] <= width:
            return legend
        if legend in figure.legends:
            legend.remove()
        n_columns -= 1


def _size(legend: Legend) -> tuple[float, float]:
    """Width and height of ``legend``, inches."""
    figure = legend.get_figure(root=True)
    box = legend.get_window_extent(figure.canvas.get_renderer())
    return box.width / figure.dpi, box.height / figure.dpi
