"""Upper limit on the signal yield, observed and expected."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.style import BLACK, BLUE, RED, SKY, headroom, new_figure, styled
from bumphunt.results import Interval, UpperLimit


@styled
def limit(result: UpperLimit, *, n_signal: Interval | None = None) -> tuple[Figure, tuple[Axes]]:
    """Draw the observed 95 % CLs limit beside the band expected without signal.

    Parameters
    ----------
    result : UpperLimit
        Limit of a narrow resonance in the inclusive spectrum.
    n_signal : Interval, optional
        Yield of the mass fit, for comparison.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(2.3)
    axes = figure.add_subplot()
    expected = np.asarray(result.expected, dtype=np.float64)
    if len(expected) == 5 and np.isfinite(expected).all():
        axes.barh(0.5, expected[4] - expected[0], left=expected[0], height=0.5, color=SKY, alpha=0.35,
                  label="Expected limit ± 2 σ")  # fmt: skip
        axes.barh(0.5, expected[3] - expected[1], left=expected[1], height=0.5, color=SKY, label="Expected limit ± 1 σ")
        axes.vlines(expected[2], 0.25, 0.75, color=BLUE, linestyle="--", label="Expected limit, median")
    axes.vlines(result.n_signal_95, 0.15, 0.85, color=BLACK, linewidth=2.4, label="Observed limit (95 % CLs)")
    axes.plot(result.best_fit, 0.5, "D", color=BLACK, fillstyle="none", label="Best fit, inclusive spectrum")
    if n_signal is not None:
        errors = [[n_signal.value - n_signal.low], [n_signal.high - n_signal.value]]
        text = "Mass fit after selection"
        axes.errorbar([n_signal.value], [0.08], xerr=errors, fmt="o", color=RED, capsize=3, label=text)
    axes.set_ylim(-0.05, 0.95)
    headroom(axes, 0.47)
    points = [0.0, result.n_signal_95, result.best_fit, *expected, *([] if n_signal is None else [n_signal.high])]
    low, high = float(np.nanmin(points)), float(np.nanmax(points))
    axes.set_xlim(low - (0.04 * (high - low) if low < 0 else 0.0), high + 0.06 * (high - low) + 1e-9)
    axes.set_yticks([])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_xlabel("Signal events in the file, before selection [events]")
    axes.set_title(f"Narrow resonance at {result.mass:.0f} GeV (width {result.width:.0f} GeV)")
    axes.legend(loc="upper left", ncols=2, fontsize=9, columnspacing=1.2)
    return figure, (axes,)
