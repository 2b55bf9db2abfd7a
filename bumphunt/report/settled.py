"""Lay a figure out once and keep what the layout found, so that its files are drawn without finding it again.

Each file of a figure is a drawing of its own, in which matplotlib would look for ticks, write their labels, and measure
these again to place axis labels and titles. All of that is the same for all files, and takes longer than drawing.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis, YAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, Formatter, NullLocator

from bumphunt.plots.marks import THIN

SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def settle(figure: Figure) -> None:
    """Lay ``figure`` out and fix its ticks, their labels, and the places of axis labels and titles.

    Labels of ticks that matplotlib writes as formulas become text, which is faster to draw and can be searched for.
    """
    drawn: list[Axis] = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    for axis in drawn:
        # axes that share an axis share its formatters
        if not isinstance(axis.get_major_formatter(), AsText):
            axis.set_major_formatter(AsText(axis.get_major_formatter()))
        if not isinstance(axis.get_minor_formatter(), AsText):
            axis.set_minor_formatter(AsText(axis.get_minor_formatter()))
    bare = [axis for axis in drawn if _bare(axis)]
    with _minor_ticks_off(bare):
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine(None)  # "none" would leave a placeholder, for which each file is drawn twice
        for axes in figure.axes:
            axes.get_tightbbox()  # places labels and titles
    minor = [_minor(axis) for axis in drawn]
    for axes in figure.axes:
        _fix_places(axes)
    for axis, places in zip(drawn, minor, strict=True):
        _fix_ticks(axis, places, bare=axis in bare)


class AsText(Formatter):
    """What another formatter writes, powers of ten as text in place of formulas."""

    def __init__(self, wrapped: Formatter) -> None:
        self.wrapped = wrapped

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of one tick."""
        return as_text(self.wrapped(x, pos))

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks."""
        return [as_text(label) for label in self.wrapped.format_ticks(list(values))]

    def get_offset(self) -> str:
        """Return what stands at the end of the axis, such as a common power of ten."""
        return as_text(self.wrapped.get_offset())


def as_text(label: str) -> str:
    r"""Return a tick label that is a formula of a number as text, any other as it is.

    Examples
    --------
    >>> as_text(r"$\mathdefault{10^{-3}}$"), as_text(r"$\mathdefault{2\times10^{4}}$"), as_text("$m_X$")
    ('10⁻³', '2\u2009×\u200910⁴', '$m_X$')
    """
    if not (len(label) > 1 and label.startswith("$") and label.endswith("$")):
        return label
    text = re.sub(r"\^\{([-−]?\d+)\}", lambda power: power[1].translate(SUPERSCRIPTS), label[1:-1])
    text = re.sub(r"(?<=\d)\\times", f"{THIN}×{THIN}", text).replace(r"\times", "×")
    text = text.replace(r"\mathdefault", "").replace("{", "").replace("}", "")
    return text if re.fullmatch(rf"[-−+.e×{THIN}\d⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*", text) else label


def _bare(axis: Axis) -> bool:
    """Tell whether the minor ticks have neither labels nor lines of a grid."""
    if any(axis.get_minor_formatter().format_ticks(list(axis.get_minorticklocs()))):
        return False
    return not any(tick.gridline.get_visible() for tick in axis.get_minor_ticks(1))


@contextmanager
def _minor_ticks_off(bare: Sequence[Axis]) -> Iterator[None]:
    """Take minor ticks, which need no room where they are bare, off the axes inside a ``with`` block."""
    kept: list[tuple[Axis, Any, Any]] = []
    for axis in bare:
        locator = axis.get_minor_locator()
        kept.append((axis, locator, locator.axis))
    for axis in bare:
        axis.set_minor_locator(NullLocator())
    try:
        yield
    finally:
        for axis, locator, of in kept:
            axis.set_minor_locator(locator)
            locator.set_axis(of)


def _minor(axis: Axis) -> list[float]:
    """Return where minor ticks are seen."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    return [float(place) for place in axis.get_minorticklocs() if low - slack <= place <= high + slack]


def _fix_places(axes: Axes) -> None:
    """Fix where axis labels and titles are, in parts of the panel, the same at all resolutions."""
    for axis in (axes.xaxis, axes.yaxis):
        place = axis.label.get_transform().transform(axis.label.get_position())
        axis.set_label_coords(*axes.transAxes.inverted().transform(place))
    if not axes.get_title("center"):
        # a height given for one of the three titles fixes all
        axes.set_title("", loc="center", y=axes.title.get_position()[1])


def _fix_ticks(axis: Axis, minor: list[float], *, bare: bool) -> None:
    major, formatter = list(axis.get_majorticklocs()), axis.get_major_formatter()
    fixed = FixedFormatter(formatter.format_ticks(major))
    fixed.set_offset_string(formatter.get_offset())
    axis.set_major_locator(FixedLocator(major))
    axis.set_major_formatter(fixed)
    if not formatter.get_offset():
        # where an offset is written depends on the labels: without one, they need not be measured
        for tick in axis.get_major_ticks(len(major)):
            tick.label1.set_in_layout(False)
            tick.label2.set_in_layout(False)
    if bare:
        _draw_bare(axis, minor)
        axis.set_minor_locator(NullLocator())
    elif not isinstance(axis.get_minor_locator(), NullLocator):
        labels = axis.get_minor_formatter().format_ticks(minor)
        axis.set_minor_locator(FixedLocator(minor))
        axis.set_minor_formatter(FixedFormatter(labels))


def _draw_bare(axis: Axis, places: list[float]) -> None:
    """Draw bare ticks as one line of markers on each side: a tick is an artist of five parts, most of them unseen."""
    upright = isinstance(axis, YAxis)
    for model in axis.get_minor_ticks(1):
        for line in (model.tick1line, model.tick2line):
            if line.get_visible():
                edge: Any = line.get_xdata() if upright else line.get_ydata()
                side = np.full(len(places), edge[0])
                marks = Line2D(*((side, places) if upright else (places, side)))
                marks.update_from(line)
                axis.axes.add_artist(marks)
                marks.set(clip_on=False, zorder=axis.get_zorder())
