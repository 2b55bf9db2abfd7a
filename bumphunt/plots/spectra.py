"""A mass spectrum with its background fit, the window left out, and the pulls."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import LABELS, THIN, draw_counts, per_bin, signed_pulls, spans, status_label
from bumphunt.plots.style import BLUE, GREY, ORANGE, RED, headroom, panels, plain
from bumphunt.results import FloatArray, SpectrumFit

PULL_RANGE = 8.0
"""Standard deviations that the panel of pulls shows at most."""
OUTLIERS = 2
"""So many bins outside the window may lie beyond the panel: one or two far out must not flatten the others."""
FAMILIES = {
    "dijet3": "dijet function, 3 parameters",
    "dijet4": "dijet function, 4 parameters",
    "dijet5": "dijet function, 5 parameters",
    "powexp": "power law times exponential",
    "gp": "Gaussian process",
}


def spectrum(
    result: SpectrumFit,
    *,
    ax: Sequence[Axes] | None = None,
    title: str = "",
    status: str = "",
    variable: str = LABELS["mjj"],
    unit: str = "GeV",
) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw one spectrum: events and fit with its 68 % band above, pulls below.

    Parameters
    ----------
    result : SpectrumFit
        Spectrum before or after a selection.
    ax : sequence of two Axes, optional
        For the spectrum and for the pulls.
    title : str
        One line above the figure, on the left.
    status : str
        What the data are, for example ``13 TeV, 36 fb⁻¹`` or ``Simulation``; above the figure, on the right.
    variable : str
        Label of the mass axis.
    unit : str
        Of the bin width.

    Returns
    -------
    figure, (spectrum, pulls)
    """
    fit = result
    figure, (upper, lower) = panels(ax, 2, 5.0, nrows=2, ncols=1, sharex=True, height_ratios=[3, 1])
    edges = fit.edges
    upper.set_yscale("log")
    shaded = "Window with its guard, left out of the fit"
    if fit.masked.any():
        n_window = fit.counts[fit.window].sum()
        numbers = (
            f"In the window {n_window:,.0f} observed; {fit.window_expected:,.1f} ± {fit.window_error:,.1f} expected"
        )
        shaded += "\n" + numbers.replace(",", THIN)
    for i, (low, high) in enumerate(spans(fit.masked, edges)):
        for axes in (upper, lower):
            axes.axvspan(low, high, color=ORANGE, alpha=0.22, linewidth=0, label=shaded if i == 0 else None)
    upper.stairs(
        fit.expected + fit.error,
        edges,
        baseline=np.maximum(fit.expected - fit.error, 1e-9),
        fill=True,
        color=BLUE,
        alpha=0.3,
        linewidth=0,
        label="68 % band of the fit",
    )
    name = FAMILIES.get(fit.family, plain(fit.family))
    upper.stairs(fit.expected, edges, baseline=None, color=BLUE, label=f"Fit: {name}\n({_goodness(fit)})")
    draw_counts(upper, fit.counts, edges, text=f"Data ({fit.counts.sum():,.0f} events)".replace(",", THIN))
    upper.set_ylim(_floor(fit), max(2.0, 2.0 * float(max(np.max(fit.counts), np.nanmax(fit.expected)))))
    headroom(upper, 0.3)
    upper.set_ylabel(per_bin(edges, unit))
    upper.set_title(plain(title), loc="left")
    status_label(upper, status)
    handles, names = _ordered(upper)
    upper.legend(handles, names, loc="upper right", alignment="left", fontsize="small")
    upper.set_xlim(edges[0], edges[-1])
    _draw_pulls(lower, fit)
    lower.set_xlabel(variable)
    lower.set_xlim(edges[0], edges[-1])
    return figure, (upper, lower)


def _draw_pulls(axes: Axes, fit: SpectrumFit) -> None:
    """Draw the pulls with the fit's band; what lies beyond the panel becomes an arrow at its edge with its value."""
    edges, found = fit.edges, signed_pulls(fit.counts, fit.expected)
    relative = fit.error / np.sqrt(np.maximum(fit.expected, 1e-12))
    axes.stairs(relative, edges, baseline=-relative, fill=True, color=BLUE, alpha=0.3, linewidth=0)
    axes.axhline(0.0, color=BLUE, linewidth=1.0)
    for level in (-2.0, 2.0):
        axes.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
    beside = np.sort(np.abs(found[~fit.masked]))[-OUTLIERS - 1 :]
    tallest = max(float(np.max(beside[:1], initial=0.0)), float(np.max(np.abs(found[fit.masked]), initial=0.0)))
    reach = float(np.clip(1.15 * tallest, 3.2, PULL_RANGE))
    centres: FloatArray = 0.5 * (edges[1:] + edges[:-1])
    for bins, colour in ((~fit.masked, "black"), (fit.masked, RED)):
        inside = bins & (np.abs(found) <= reach)
        axes.plot(centres[inside], found[inside], "o", markersize=3.6, color=colour)
        for i in np.flatnonzero(bins & (np.abs(found) > reach)):
            side = float(np.sign(found[i]))
            axes.plot(centres[i], side * 0.9 * reach, "^" if side > 0 else "v", markersize=5.5, color=colour)
            axes.annotate(
                f"{found[i]:.1f}".replace("-", "−"), (centres[i], side * 0.9 * reach), xytext=(5, 0),
                textcoords="offset points", va="center", fontsize="x-small", color=colour,
            )  # fmt: skip
    lowest = float(np.nanmin(found, initial=0.0))
    axes.set_ylim(-min(reach, 3.2) if lowest > -3.0 else -reach, reach)
    axes.set_ylabel("Pull [σ]", loc="center")


def _goodness(fit: SpectrumFit) -> str:
    return f"χ²/ndf = {fit.chi2:.1f}/{fit.ndf}, p = {fit.p_value:.2g}"


def _floor(fit: SpectrumFit) -> float:
    """Lowest value worth showing on the logarithmic axis: below every bin, but not far below one event."""
    values = np.concatenate([fit.expected, fit.counts[fit.counts > 0]])
    smallest = float(np.nanmin(values[values > 0], initial=np.inf))
    return max(0.3 * smallest, 0.08) if np.isfinite(smallest) else 0.08


def _ordered(axes: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: (not labels[i].startswith("Data"), labels[i].startswith("Window")))
    return [handles[i] for i in order], [labels[i] for i in order]
