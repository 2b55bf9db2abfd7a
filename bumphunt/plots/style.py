"""The look of the report's figures, and how figures are made; nothing here touches pyplot.

A plot takes the settings that are active when it is called, the user's. Who wants the look of the report draws inside
:func:`style`, as the report does, whose files are therefore the same whatever the user's settings are. There, only the
font that matplotlib ships is used, so that a figure is the same on every machine and no font is searched for or missed.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bumphunt.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

# Okabe and Ito's palette, which stays apart for all common forms of colour blindness
BLACK, BLUE, SKY, GREEN = "#000000", "#0072B2", "#56B4E9", "#009E73"
ORANGE, RED, PURPLE, GREY = "#E69F00", "#D55E00", "#CC79A7", "#767676"

WIDTH = 6.4
"""Inches to which the heights of figures are given: a wider ``figure.figsize`` makes them higher, too."""

RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "figure.figsize": (6.4, 4.8),
    "font.size": 11.0,
    "axes.labelsize": 11.5,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.9,
    "axes.formatter.use_mathtext": True,
    "axes.axisbelow": True,
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 5.5,
    "ytick.major.size": 5.5,
    "xtick.minor.size": 3.0,
    "ytick.minor.size": 3.0,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.6,
    "figure.dpi": 200.0,  # as saved, so that the layout parses each formula once
    "savefig.dpi": 200.0,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,  # matplotlib takes the size of the parts of a PDF's fonts from here: with 42, one part holds all
}


@contextmanager
def style() -> Iterator[None]:
    """Use the look of the report inside a ``with`` block, whatever the user's matplotlib settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for name, value in RC.items():
            matplotlib.rcParams[name] = value
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under :func:`style`."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return draw(*args, **kwargs)

    return wrapper


def new_figure(height: float, *, width: float = WIDTH) -> Figure:
    """Return an empty figure with its own Agg canvas, unknown to pyplot.

    Parameters
    ----------
    height, width : float
        Inches where ``figure.figsize`` is 6.4 inches wide, and in proportion where it is not.
    """
    scale = float(matplotlib.rcParams["figure.figsize"][0]) / WIDTH
    figure = Figure(figsize=(width * scale, height * scale), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def one_panel(ax: Axes | None, height: float) -> tuple[Figure, Axes]:
    """Return the user's axes with their figure, or new ones of a height in inches."""
    if ax is not None:
        if not isinstance(ax, Axes):
            raise InputError(f"ax is a {type(ax).__name__}; give matplotlib axes, as of `figure, ax = plt.subplots()`")
        return figure_of(ax), ax
    figure = new_figure(height)
    return figure, figure.add_subplot()


def panels(
    ax: Sequence[Axes] | None, number: int, height: float, *, width: float = WIDTH, **layout: Any
) -> tuple[Figure, tuple[Axes, ...]]:
    """Return the user's ``number`` axes with their figure, or new ones, row by row.

    Parameters
    ----------
    ax : sequence of Axes or None
        The user's.
    number : int
        How many panels are drawn.
    height, width : float
        Inches of a new figure.
    **layout
        For ``Figure.subplots``; rows and columns are ``nrows`` and ``ncols``.

    Raises
    ------
    InputError
        If the user gave another number of axes.
    """
    if ax is None:
        figure = new_figure(height, width=width)
        return figure, tuple(np.ravel(figure.subplots(squeeze=False, **layout)))
    given = tuple(np.ravel(np.asarray(ax, dtype=object)))
    if len(given) != number:
        raise InputError(f"ax holds {len(given)} axes, and this figure has {number} panels; give {number}")
    return figure_of(given[0]), given


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes belong to, also where they lie in a part of it."""
    parent: Any = ax.figure
    while not isinstance(parent, Figure):
        parent = parent.figure
    return parent


def legend_above(figure: Figure, axes: Axes, *, own: bool, columns: int, drawn: Axes | None = None) -> None:
    """Put the legend of ``axes`` above all panels of a new figure, or into the axes of a user's."""
    handles, names = (drawn or axes).get_legend_handles_labels()
    if own:
        while True:
            legend = figure.legend(
                handles, names, loc="outside upper center", ncols=columns, fontsize="small", columnspacing=1.4
            )
            if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
                return
            legend.remove()  # names so long would be cut off at the edge
            columns -= 1
    else:
        axes.legend(handles, names, loc="best", fontsize="x-small")


def plain(text: str) -> str:
    """Return ``text`` so that matplotlib draws it as it is (a dollar sign would start a formula)."""
    return text.replace("$", r"\$")


def headroom(axes: Axes, fraction: float) -> None:
    """Raise the upper limit of a y axis, so that ``fraction`` of the panel is free for a legend."""
    # legends are larger where the user's text is large for the figure
    rc = matplotlib.rcParams
    fraction = min(fraction * float(rc["font.size"]) / float(rc["figure.figsize"][0]) * WIDTH / 11.0, 0.6)
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low, low * (high / low) ** (1.0 / (1.0 - fraction)))
    else:
        axes.set_ylim(low, low + (high - low) / (1.0 - fraction))
