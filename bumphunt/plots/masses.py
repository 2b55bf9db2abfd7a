"""Masses: projections of the fit, positions of the histogram maxima, the plane of the two jet masses."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgba
from matplotlib.figure import Figure

from bumphunt.plots.marks import MASSES, draw_counts, draw_pulls, label, per_bin, poisson_errors, status_label
from bumphunt.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    headroom,
    legend_above,
    one_panel,
    panels,
)
from bumphunt.results import Interval, JetPlane, MassFit, PeakScan

MANY = 3000
"""Above this number of points a PDF holds them as pixels, to stay small."""


def peak_scan(
    result: PeakScan,
    *,
    ax: Sequence[Axes] | None = None,
    mass_fit: MassFit | None = None,
    truth: Mapping[str, float] | None = None,
) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw one panel per variable: modes against the number of events taken, the two estimates beside it.

    Parameters
    ----------
    result : PeakScan
        Modes; the range over which they are averaged is shaded. Where there is a kernel mode, it is drawn too, and
        its average with the bootstrap error beside the panel, as is the average and spread over N = 100 to 1300.
    ax : sequence of Axes, optional
        Two for each variable: first the large panels, then the narrow ones.
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
    figure, flat = panels(
        _by_rows(ax), 2 * n, 1.5 + 2.1 * n, nrows=n, ncols=2, sharex="col", sharey="row", width_ratios=[5.0, 1.4]
    )
    grid = np.asarray(flat, dtype=object).reshape(n, 2)
    fitted = {} if mass_fit is None else _intervals(mass_fit)
    places = _estimates(result, fitted=bool(fitted))
    used = (result.n_taken >= result.take_low) & (result.n_taken <= result.take_high)
    for i, variable in enumerate(result.variables):
        main, side = grid[i]
        main.axvspan(result.take_low, result.take_high, color=ORANGE, alpha=0.18, linewidth=0, label="Averaged range")
        main.plot(result.n_taken, result.modes[:, i], "o-", markersize=3.0, linewidth=0.9, color=BLUE, label="Maximum")
        if result.kernel is not None:
            main.plot(result.n_taken, result.kernel[:, i], "-", linewidth=1.3, color=PURPLE, label="Kernel mode")
        main.hlines(result.mean[i], result.take_low, result.take_high, color=BLACK, linestyle="--", label="Mean")
        side.errorbar(
            [places["mean"]],
            [result.mean[i]],
            yerr=[result.spread[i]],
            fmt="s",
            color=BLACK,
            fillstyle="none",
            capsize=3,
        )
        shown = [result.mean[i] - result.spread[i], result.mean[i] + result.spread[i], *result.modes[used, i]]
        if result.robust is not None and result.robust_error is not None:
            middle, error = float(result.robust[i]), float(result.robust_error[i])
            side.errorbar([places["kernel"]], [middle], yerr=[error], fmt="D", markersize=5, color=PURPLE, capsize=3)
            shown += [middle - error, middle + error]
        if result.seed_mean is not None and result.seed_spread is not None:
            seed = [float(result.seed_mean[i])], [float(result.seed_spread[i])]
            side.errorbar(
                [places["N to 1300"]], seed[0], yerr=seed[1], fmt="v", color=GREY, fillstyle="none", capsize=3
            )
        if variable in fitted:
            interval = fitted[variable]
            down, up = interval.value - interval.low, interval.high - interval.value
            main.axhline(interval.value, color=RED, linewidth=1.2, linestyle="-.", label="Mass fit")
            side.errorbar([places["fit"]], [interval.value], yerr=[[down], [up]], fmt="o", color=RED, capsize=3)
            shown += [interval.low, interval.high]
        if truth is not None and variable in truth:
            for axes in (main, side):
                axes.axhline(truth[variable], color=GREEN, linewidth=1.2, linestyle=":", label="Truth")
            shown.append(truth[variable])
        main.set_ylabel(label(variable, short=True), loc="center")
        _limit(main, np.asarray(shown, dtype=np.float64), np.asarray(result.modes[:, i], dtype=np.float64))
        side.tick_params(axis="x", which="minor", bottom=False, top=False)
        side.set_xlim(-0.6, len(places) - 0.4)
        side.set_xticks(list(places.values()), list(places), rotation=90, fontsize="x-small")
    if len(result.n_taken):
        grid[0, 0].set_xlim(0, 1.02 * float(result.n_taken.max()))
    legend_above(figure, grid[0, 0], own=ax is None, columns=3)
    grid[-1, 0].set_xlabel("Number of most anomalous events taken")
    for axes in grid[:, 1]:
        for place in range(1, len(places)):
            axes.axvline(place - 0.5, color=GREY, linewidth=0.4)
    return figure, (*grid[:, 0], *grid[:, 1])


def _estimates(result: PeakScan, *, fitted: bool) -> dict[str, int]:
    """Return the places of the estimates beside a panel, by name: no column for what there is not."""
    present = {
        "mean": True,
        "kernel": result.robust is not None and result.robust_error is not None,
        "fit": fitted,
        "N to 1300": result.seed_mean is not None and result.seed_spread is not None,
    }
    return {name: place for place, name in enumerate(name for name, there in present.items() if there)}


def _by_rows(ax: Sequence[Axes] | None) -> Sequence[Axes] | None:
    """Return the large and narrow panels in pairs, as a new figure holds them."""
    if ax is None:
        return None
    given = list(ax)
    half = len(given) // 2
    if len(given) % 2:
        return given  # refused where the panels are counted
    return [panel for pair in zip(given[:half], given[half:], strict=True) for panel in pair]


def _intervals(fit: MassFit) -> dict[str, Interval]:
    return dict(zip(MASSES, (fit.m_resonance, fit.m_x, fit.m_y), strict=True))


def _limit(axes: Axes, shown: np.ndarray, modes: np.ndarray) -> None:
    """Show all that is averaged or fitted; a mode of a handful of events may lie far off and must not set the scale."""
    shown = shown[np.isfinite(shown)]
    if not len(shown):
        return
    width = max(float(np.ptp(shown)), 0.02 * float(np.abs(shown).max()), 1.0)
    near = modes[(modes > shown.min() - width) & (modes < shown.max() + width)]
    low, high = np.min(near, initial=shown.min()), np.max(near, initial=shown.max())
    axes.set_ylim(low - 0.12 * width, high + 0.12 * width)


def mass_fit(result: MassFit, *, ax: Sequence[Axes] | None = None, status: str = "") -> tuple[Figure, tuple[Axes, ...]]:
    """Draw each projection of the fit: data, background, signal stacked on top, the fitted mass, and the pulls.

    Parameters
    ----------
    result : MassFit
        With one projection a mass.
    ax : sequence of Axes, optional
        One a projection, without pulls, or two: first those of the projections, then those of the pulls.
    status : str
        What the data are, above the figure, on the right.

    Returns
    -------
    figure, axes
        The panels of the projections, then those of the pulls where they are drawn.
    """
    fit, n = result, max(len(result.projections), 1)
    figure, rows, below = _projection_panels(ax, n)
    symbols = dict(zip(MASSES, ("$m_{res}$", "$m_X$", "$m_Y$"), strict=True))
    masses = {name: (symbols[name], interval) for name, interval in _intervals(fit).items()}
    for i, (axes, projection) in enumerate(zip(rows, fit.projections, strict=False)):
        edges, total = projection.edges, projection.background + projection.signal
        axes.stairs(total, edges, baseline=projection.background, fill=True, color=ORANGE, alpha=0.75, label="Signal")
        axes.stairs(projection.background, edges, fill=True, color=SKY, alpha=0.45, label="Background")
        axes.stairs(total, edges, baseline=None, color=RED, linewidth=1.4, label="Sum")
        draw_counts(axes, projection.counts, edges, text="Data")
        top = projection.counts + poisson_errors(projection.counts)[1]
        reach = np.nanmax(np.concatenate([top, total]))
        axes.set_ylim(0, 1.05 * float(reach))
        headroom(axes, 0.34 if i == 0 else 0.2)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylabel(per_bin(edges))
        lowest = axes
        if below:
            draw_pulls(below[i], projection.counts, total, edges)
            below[i].set_xlim(edges[0], edges[-1])
            axes.tick_params(axis="x", which="both", labelbottom=False)
            lowest = below[i]
        lowest.set_xlabel(label(projection.variable))
        if projection.variable in masses:
            symbol, interval = masses[projection.variable]
            axes.text(0.02, 0.93, f"{symbol} = {interval} GeV", transform=axes.transAxes, va="top", fontsize="medium")
        if i == 0:
            axes.legend(loc="upper right", ncols=2, fontsize="small", columnspacing=1.0)
    status_label(rows[0], status)
    return figure, (*rows, *below)


def _projection_panels(ax: Sequence[Axes] | None, n: int) -> tuple[Figure, tuple[Axes, ...], tuple[Axes, ...]]:
    """Return the figure, the panels of ``n`` projections and those of their pulls, which a user need not give."""
    if ax is not None and len(np.ravel(np.asarray(ax, dtype=object))) != 2 * n:
        figure, rows = panels(ax, n, 0.0)
        return figure, rows, ()
    if ax is not None:
        figure, rows = panels(ax, 2 * n, 0.0)
        return figure, rows[:n], rows[n:]
    figure, rows = panels(None, 2 * n, 0.6 + 2.6 * n, nrows=2 * n, ncols=1, height_ratios=[2.6, 1.0] * n)
    return figure, rows[::2], rows[1::2]


def plane(
    result: JetPlane,
    *,
    ax: Axes | None = None,
    mass_fit: MassFit | None = None,
    status: str = "",
    n_background: float | None = None,
) -> tuple[Figure, Axes]:
    """Draw heavier against lighter jet mass of selected events, with the fitted masses of the daughters.

    Parameters
    ----------
    result : JetPlane
        Selected events in the best window and in its sidebands, GeV.
    ax : Axes, optional
        Where to draw; a colour bar takes its room from them.
    mass_fit : MassFit, optional
        Marks m_x and m_y with their 68 % intervals.
    status : str
        What the data are, above the figure, on the right.
    n_background : float, optional
        Background events expected in the window. With it, the sidebands are scaled to it and subtracted: the colour
        of a cell is what the window has beyond them, in standard deviations. Without it, both are drawn as points.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.8)
    subtracted = n_background is not None and len(result.mj1_sideband) > 0 and len(result.mj1_window) > 0
    everything = np.concatenate([result.mj1_window, result.mj1_sideband, [100.0]])
    lighter = np.concatenate([result.mj2_window, result.mj2_sideband, [100.0]])
    left, bottom = 0.0, 0.0
    right, top = 1.05 * float(np.nanmax(everything)), 1.05 * float(np.nanmax(lighter))
    if subtracted:
        # a lone event far off must not shrink the rest to a corner
        left, right = _near(everything[:-1])
        bottom, top = _near(lighter[:-1])
        _draw_subtracted(figure, axes, result, float(n_background or 0.0), (left, right), (bottom, top))
    else:
        _draw_points(axes, result)
    if mass_fit is not None:
        x_mass, y_mass = mass_fit.m_x, mass_fit.m_y
        axes.errorbar(
            [x_mass.value],
            [y_mass.value],
            xerr=[[x_mass.value - x_mass.low], [x_mass.high - x_mass.value]],
            yerr=[[y_mass.value - y_mass.low], [y_mass.high - y_mass.value]],
            fmt="P",
            markersize=12,
            color=RED,
            markeredgecolor="black",
            linewidth=2.2,
            capsize=3,
            zorder=5,
            label="Fitted masses of X and Y",
        )
        left, right = min(left, 0.95 * x_mass.low), max(right, 1.05 * x_mass.high)
        bottom, top = min(bottom, 0.95 * y_mass.low), max(top, 1.05 * y_mass.high)
    if left < top:
        axes.plot([0, max(right, top)], [0, max(right, top)], color=GREY, linewidth=0.8, label="Equal masses")
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_xlabel(label(MASSES[1]))
    axes.set_ylabel(label(MASSES[2]))
    legend_above(figure, axes, own=ax is None, columns=2)
    status_label(axes, status)
    return figure, axes


def _near(values: np.ndarray) -> tuple[float, float]:
    """Return a range that holds 98 % of the values, and a tenth more on either side."""
    low, high = np.quantile(values, (0.01, 0.99))
    room = max(0.1 * float(high - low), 5.0)
    return max(float(low) - room, 0.0), float(high) + room


def _draw_points(axes: Axes, result: JetPlane) -> None:
    groups = (
        (result.mj1_sideband, result.mj2_sideband, "Sidebands", "x", GREY, 16),
        (result.mj1_window, result.mj2_window, "Window", "o", BLUE, 20),
    )
    for x, y, text, marker, colour, size in groups:
        axes.scatter(
            x,
            y,
            s=size,
            marker=marker,
            color=colour,
            alpha=0.65,
            linewidths=1.0 if marker == "x" else 0.0,
            rasterized=len(x) > MANY,
            label=f"{text} ({len(x)} events)",
        )


def _draw_subtracted(
    figure: Figure,
    axes: Axes,
    result: JetPlane,
    n_background: float,
    across: tuple[float, float],
    upwards: tuple[float, float],
) -> None:
    """Draw the window less its scaled sidebands, cell by cell, in standard deviations of both; dots: the events."""
    scale = n_background / len(result.mj1_sideband)
    # about as many cells as give ten events each where they are dense
    number = int(np.clip(np.sqrt(len(result.mj1_window)), 8, 24))
    edges = [np.linspace(*across, number + 1), np.linspace(*upwards, number + 1)]
    window = np.histogram2d(result.mj1_window, result.mj2_window, edges)[0]
    sideband = np.histogram2d(result.mj1_sideband, result.mj2_sideband, edges)[0]
    # the variance of an empty cell is that of the smallest expectation that either side could have shown
    error = np.sqrt(np.maximum(window, 1.0) + scale**2 * np.maximum(sideband, 1.0))
    shown = np.ma.masked_where((window == 0) & (sideband == 0), (window - scale * sideband) / error)
    largest = max(3.0, float(np.abs(shown).max()) if shown.count() else 3.0)
    drawn = axes.pcolormesh(edges[0], edges[1], shown.T, cmap=_diverging(), vmin=-largest, vmax=largest)
    figure.colorbar(drawn, ax=axes).set_label("Window less scaled sidebands [σ per cell]")
    axes.plot(result.mj1_window, result.mj2_window, "o", markersize=1.6, color=BLACK, alpha=0.6, linestyle="none",
              label=f"Window ({len(result.mj1_window)} events)")  # fmt: skip
    axes.plot([], [], "s", color=PURPLE, linestyle="none", alpha=0.0,
              label=f"Sidebands, subtracted ({len(result.mj1_sideband)} events × {scale:.2g})")  # fmt: skip


def _diverging() -> ListedColormap:
    """Return blue below zero and vermilion above, the paler the nearer to it: the ground shows through, also a dark."""
    strengths = np.linspace(0.05, 1.0, 12)
    return ListedColormap([to_rgba(BLUE, a) for a in strengths[::-1]] + [to_rgba(RED, a) for a in strengths], "excess")
