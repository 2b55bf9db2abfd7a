"""The scan: local p-value of every window and cut, and the global answer."""

import math

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import tail_probability
from bumphunt.plots.style import BLACK, GREY, RED, headroom, new_figure, styled
from bumphunt.results import ScanResult, WindowResult

SMALLEST = 1e-60
"""p-values below are drawn here, with a mark that points down."""
MARKERS = "os^Dvp*h"


@styled
def scan(result: ScanResult) -> tuple[Figure, tuple[Axes]]:
    """Draw the local p-value against the middle of the window, one line per cut, and the global p-value.

    Windows that were not searched are gaps in the lines.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(4.4)
    axes = figure.add_subplot()
    axes.set_yscale("log")
    cuts = sorted({window.cut_fraction for window in result.windows}, reverse=True)
    colours = matplotlib.colormaps["cividis"](np.linspace(0.0, 0.88, max(len(cuts), 2)))
    for i, cut in enumerate(cuts):
        windows = sorted((w for w in result.windows if w.cut_fraction == cut), key=lambda w: w.centre)
        p = np.array([_drawn(window) for window in windows])
        if np.isfinite(p).any():
            axes.plot(
                [window.centre for window in windows],
                p,
                marker=MARKERS[i % len(MARKERS)],
                markersize=4.5,
                linewidth=1.3,
                color=colours[i],
                label=f"{100 * cut:.3g} % kept",
            )
    smallest = min((p for p in map(_drawn, result.windows) if math.isfinite(p)), default=0.1)
    if math.isfinite(result.p_global):
        sign = "≤" if result.is_bound else "="
        axes.axhline(
            max(result.p_global, SMALLEST),
            color=RED,
            linestyle="--",
            label=f"Global: p {sign} {result.p_global:.2g} ({result.z_global:.1f} σ)",
        )
        smallest = min(smallest, max(result.p_global, SMALLEST))
    best = result.best_window
    if best is not None and math.isfinite(best.p_local):
        mark = "v" if best.p_local < SMALLEST else "o"
        axes.plot(
            best.centre,
            max(best.p_local, SMALLEST),
            mark,
            markersize=12,
            fillstyle="none",
            markeredgewidth=1.8,
            color=RED,
            label=f"Best: {best.low:.0f}–{best.high:.0f} GeV, {best.z_local:.1f} σ local",
        )
    axes.set_ylim(min(smallest, tail_probability(3.0)) / 6.0, 2.0)
    _significance_lines(axes)
    headroom(axes, 0.3)
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= 1.0], minor=False)
    axes.minorticks_off()
    if result.windows:
        axes.set_xlim(min(w.low for w in result.windows), max(w.high for w in result.windows))
    else:
        axes.text(0.5, 0.5, "No window was searched", transform=axes.transAxes, ha="center")
    axes.set_xlabel("Middle of the window in $m_{jj}$ [GeV]")
    axes.set_ylabel("Local p-value (one-sided)")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", ncols=2, fontsize=9.5, columnspacing=1.2)
    return figure, (axes,)


def _drawn(window: WindowResult) -> float:
    if window.note or not math.isfinite(window.p_local):
        return math.nan
    return max(window.p_local, SMALLEST)


def _significance_lines(axes: Axes) -> None:
    bottom = axes.get_ylim()[0]
    highest = next(z for z in range(1, 40) if tail_probability(z) < bottom) - 1
    step = 1 if highest <= 7 else math.ceil(highest / 7)
    for z in range(step, highest + 1, step):
        p = tail_probability(z)
        axes.axhline(p, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
        axes.annotate(
            f"{z} σ",
            (1.0, p),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
            color=BLACK,
        )
