"""Small multiples for the studies: histograms of many variables, one panel each."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from records import SYMBOLS

from bumphunt.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, new_figure, styled

SMALL, LARGE = 9.5, 11.0
"""Points of tick labels and of names in small panels: still read when a page shows the figure at half its width."""
COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
TRUTH = {"mjj": 3500.0, "mj1": 500.0, "mj2": 100.0}
RANGES = {"mjj": (2800.0, 5000.0), "mj1": (0.0, 800.0), "mj2": (0.0, 500.0)}

__all__ = ["BLACK", "BLUE", "COLOURS", "GREEN", "GREY", "ORANGE", "PURPLE", "RED", "SKY", "new_figure", "styled"]


def limits(name: str, values: np.ndarray) -> tuple[float, float]:
    """Return the range in which a variable is drawn."""
    return RANGES.get(name, (0.0, 1.0 if values.max() <= 1.01 else float(np.quantile(values, 0.999))))


@styled
def variables(
    samples: Mapping[str, Mapping[str, np.ndarray]],
    names: Sequence[str],
    *,
    bins: int = 50,
    unit: bool = False,
    density: bool = True,
    second_axis: str | None = None,
    marks: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw each variable of each sample in a panel of its own.

    Parameters
    ----------
    samples : mapping of name to mapping of variable to values
        Drawn as steps, the first one filled.
    names : sequence of str
        Variables, four panels a row.
    bins : int
        Bins of a panel.
    unit : bool
        All variables lie in [0, 1].
    density : bool
        Normalise each sample to one, or show events a bin.
    second_axis : str, optional
        The sample drawn on an axis of its own, on the right.
    marks : mapping of variable to value, optional
        Vertical lines, for example at true masses.
    title : str
        Above all panels.
    """
    columns = 4 if len(names) > 3 else len(names)
    rows = -(-len(names) // columns)
    figure = new_figure(0.7 + 2.1 * rows, width=2.1 * columns + 0.6)
    grid = figure.subplots(rows, columns, squeeze=False)
    handles: dict[str, object] = {}
    for axes, name in zip(grid.ravel(), names, strict=False):
        low, high = (0.0, 1.0) if unit else limits(name, next(iter(samples.values()))[name])
        edges = np.linspace(low, high, bins + 1)
        first = highest = 0.0
        for number, (sample, columns_of) in enumerate(samples.items()):
            target = axes.twinx() if sample == second_axis else axes
            counts = np.histogram(columns_of[name], edges)[0] / (len(columns_of[name]) if density else 1)
            colour = COLOURS[number % len(COLOURS)]
            # later samples lie on top, dashed where they may hide one that they agree with
            dashes = "-" if number < 2 else (0, (4, 2))
            drawn = target.stairs(
                counts, edges, baseline=None, color=colour, linewidth=1.3, linestyle=dashes, zorder=3 + number
            )
            if number == 0:
                target.stairs(counts, edges, color=colour, fill=True, alpha=0.18, linewidth=0)
                first = highest = float(counts.max())
            if target is axes:
                # a spike may leave the panel: it must not flatten what it is compared with
                highest = min(max(highest, float(counts.max())), 2.5 * first)
            else:
                target.set_ylim(0, 1.1 * counts.max())
            target.tick_params(axis="y", labelsize=SMALL, colors=colour if second_axis is not None else BLACK)
            target.yaxis.set_major_locator(MaxNLocator(4))
            if not density:
                target.yaxis.set_major_formatter(EngFormatter(sep="", places=None))
            handles.setdefault(sample + (" (right axis)" if sample == second_axis else ""), drawn)
        axes.set_ylim(0, 1.1 * highest)
        if marks and name in marks:
            handles.setdefault(
                "true mass", axes.axvline(marks[name], color=BLACK, linestyle="--", linewidth=1.2, zorder=9)
            )
        axes.set_xlim(low, high)
        symbol = SYMBOLS.get(name, name)
        axes.set_xlabel(f"{symbol.removesuffix(' [GeV]')}, quantile" if unit else symbol, fontsize=LARGE)
        axes.tick_params(axis="x", labelsize=SMALL)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    for axes in grid.ravel()[len(names) :]:
        axes.set_visible(False)
    grid[0, 0].set_ylabel("Part of the events / bin" if density else "Events / bin", fontsize=LARGE)
    figure.legend(list(handles.values()), list(handles), loc="outside upper right", ncols=len(handles), fontsize=LARGE)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=LARGE)
    return figure


def legend(axes: Axes, *, loc: str = "best", size: float = 9) -> None:
    """Draw a legend in the size of the small panels."""
    axes.legend(loc=loc, fontsize=size)
