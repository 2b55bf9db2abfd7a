"""Position of the maximum of each mass histogram against the number of events taken."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import label
from bumphunt.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, new_figure, styled
from bumphunt.results import Interval, MassFit, PeakScan


@styled
def peak_scan(
    result: PeakScan, *, mass_fit: MassFit | None = None, truth: Mapping[str, float] | None = None
) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw one panel per variable: modes against the number of events taken, the two estimates beside it.

    Parameters
    ----------
    result : PeakScan
        Modes; the range over which they are averaged is shaded. Where there is a kernel mode, it is drawn too, and
        its average with the bootstrap error beside the panel, as is the seed document's own average and spread.
    mass_fit : MassFit, optional
        Its 68 % likelihood intervals are drawn beside each panel.
    truth : mapping of variable to GeV, optional
        For studies of simulated samples only; never drawn unless given.

    Returns
    -------
    figure, axes
        The large panels from top to bottom, then the narrow ones.
    """
    n = len(result.variables)
    figure = new_figure(1.5 + 2.1 * n)
    grid = figure.subplots(n, 2, sharex="col", sharey="row", width_ratios=[5.0, 1.4], squeeze=False)
    fitted = {} if mass_fit is None else _intervals(mass_fit)
    used = (result.n_taken >= result.take_low) & (result.n_taken <= result.take_high)
    for i, variable in enumerate(result.variables):
        main, side = grid[i]
        main.axvspan(result.take_low, result.take_high, color=ORANGE, alpha=0.18, linewidth=0, label="Averaged range")
        main.plot(result.n_taken, result.modes[:, i], "o-", markersize=3.0, linewidth=0.9, color=BLUE, label="Maximum")
        if result.kernel is not None:
            main.plot(result.n_taken, result.kernel[:, i], "-", linewidth=1.3, color=PURPLE, label="Kernel mode")
        main.hlines(result.mean[i], result.take_low, result.take_high, color=BLACK, linestyle="--", label="Mean")
        side.errorbar([0], [result.mean[i]], yerr=[result.spread[i]], fmt="s", color=BLACK, fillstyle="none", capsize=3)
        shown = [result.mean[i] - result.spread[i], result.mean[i] + result.spread[i], *result.modes[used, i]]
        if result.robust is not None and result.robust_error is not None:
            middle, error = float(result.robust[i]), float(result.robust_error[i])
            side.errorbar([1], [middle], yerr=[error], fmt="D", markersize=5, color=PURPLE, capsize=3)
            shown += [middle - error, middle + error]
        if result.seed_mean is not None and result.seed_spread is not None:
            seed = [float(result.seed_mean[i])], [float(result.seed_spread[i])]
            side.errorbar([3], seed[0], yerr=seed[1], fmt="v", color=GREY, fillstyle="none", capsize=3)
        if variable in fitted:
            interval = fitted[variable]
            down, up = interval.value - interval.low, interval.high - interval.value
            main.axhline(interval.value, color=RED, linewidth=1.2, linestyle="-.", label="Mass fit")
            side.errorbar([2], [interval.value], yerr=[[down], [up]], fmt="o", color=RED, capsize=3)
            shown += [interval.low, interval.high]
        if truth is not None and variable in truth:
            for axes in (main, side):
                axes.axhline(truth[variable], color=GREEN, linewidth=1.2, linestyle=":", label="Truth")
            shown.append(truth[variable])
        main.set_ylabel(label(variable, short=True), loc="center")
        _limit(main, np.asarray(shown, dtype=np.float64), np.asarray(result.modes[:, i], dtype=np.float64))
        side.tick_params(axis="x", which="minor", bottom=False, top=False)
        side.set_xlim(-0.6, 3.6)
        names = ["mean", "kernel" if result.robust_error is not None else "", "fit" if fitted else ""]
        names.append("N to 1300" if result.seed_mean is not None else "")
        side.set_xticks([0, 1, 2, 3], names, rotation=90, fontsize=8)
    if len(result.n_taken):
        grid[0, 0].set_xlim(0, 1.02 * float(result.n_taken.max()))
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    grid[-1, 0].set_xlabel("Number of most anomalous events taken")
    for axes in grid[:, 1]:
        for place in (0.5, 1.5, 2.5):
            axes.axvline(place, color=GREY, linewidth=0.4)
    return figure, (*grid[:, 0], *grid[:, 1])


def _intervals(fit: MassFit) -> dict[str, Interval]:
    return {"mjj": fit.m_resonance, "mj1": fit.m_x, "mj2": fit.m_y}


def _limit(axes: Axes, shown: np.ndarray, modes: np.ndarray) -> None:
    """Show all that is averaged or fitted; a mode of a handful of events may lie far off and must not set the scale."""
    shown = shown[np.isfinite(shown)]
    if not len(shown):
        return
    width = max(float(np.ptp(shown)), 0.02 * float(np.abs(shown).max()), 1.0)
    near = modes[(modes > shown.min() - width) & (modes < shown.max() + width)]
    low, high = np.min(near, initial=shown.min()), np.max(near, initial=shown.max())
    axes.set_ylim(low - 0.12 * width, high + 0.12 * width)
