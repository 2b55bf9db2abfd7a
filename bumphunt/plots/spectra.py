"""A mass spectrum with its background fit, the window left out, and the pulls."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import MASSES, THIN, draw_counts, draw_pulls, mass_axis, per_bin, spans, status_label
from bumphunt.plots.style import BLUE, ORANGE, RED, headroom, panels, plain
from bumphunt.results import DIJET_MASS, FloatArray, MassFit, SpectrumFit

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
    variable: str | None = None,
    unit: str | None = None,
    mass_fit: MassFit | None = None,
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
        Label of the mass axis; by default the name of the mass that the result knows.
    unit : str
        Of the bin width; by default that of the result.
    mass_fit : MassFit, optional
        Its signal is stacked on the background, scaled to the excess of the window.

    Returns
    -------
    figure, (spectrum, pulls)
    """
    fit = result
    variable = mass_axis(fit.mass_label, fit.mass_unit) if variable is None else variable
    unit = fit.mass_unit if unit is None else unit
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
    signal = None if mass_fit is None else fitted_signal(fit, mass_fit)
    if signal is not None:
        upper.stairs(fit.expected + signal, edges, baseline=None, color=RED, zorder=3,
                     label="With signal of the mass fit, scaled to the excess")  # fmt: skip
    name = family_words(fit)
    upper.stairs(fit.expected, edges, baseline=None, color=BLUE, label=f"Fit: {name}\n({_goodness(fit)})")
    draw_counts(upper, fit.counts, edges, text=f"Data ({fit.counts.sum():,.0f} events)".replace(",", THIN))
    upper.set_ylim(_floor(fit), max(2.0, 2.0 * float(max(np.max(fit.counts), np.nanmax(fit.expected)))))
    headroom(upper, 0.36 if fit.masked.any() else 0.24)
    upper.set_ylabel(per_bin(edges, unit))
    upper.set_title(plain(title), loc="left")
    status_label(upper, status)
    handles, names = _ordered(upper)
    upper.legend(handles, names, loc="upper right", alignment="left", fontsize="small")
    upper.set_xlim(edges[0], edges[-1])
    relative = fit.error / np.sqrt(np.maximum(fit.expected, 1e-12))
    lower.stairs(relative, edges, baseline=-relative, fill=True, color=BLUE, alpha=0.3, linewidth=0)
    draw_pulls(lower, fit.counts, fit.expected, edges, special=fit.masked)
    lower.set_xlabel(variable)
    lower.set_xlim(edges[0], edges[-1])
    return figure, (upper, lower)


def family_words(fit: SpectrumFit) -> str:
    """Return the form of a fit in words: the dijet function is called so for dijets only."""
    name = FAMILIES.get(fit.family, plain(fit.family))
    return name if fit.mass_label == DIJET_MASS else name.replace("dijet function", "smooth function")


def fitted_signal(fit: SpectrumFit, mass_fit: MassFit) -> FloatArray | None:
    """Return the signal of a mass fit in the bins of a spectrum, scaled to the excess in its window.

    Returns
    -------
    numpy.ndarray or None
        Events per bin, NaN outside the range of the mass fit; None where the fit has no projection on the searched
        mass or the window no excess.
    """
    projection = next((one for one in mass_fit.projections if one.variable not in MASSES[1:]), None)
    excess = float(fit.counts[fit.window].sum()) - fit.window_expected
    if projection is None or not excess > 0.0 or not projection.signal.sum() > 0.0:
        return None
    summed = np.interp(fit.edges, projection.edges, np.concatenate([[0.0], np.cumsum(projection.signal)]))
    parts = np.diff(summed)
    if not parts[fit.window].sum() > 0.0:
        return None
    within = (fit.edges[:-1] > projection.edges[0] - 1e-6) & (fit.edges[1:] < projection.edges[-1] + 1e-6)
    return np.where(within, parts * excess / parts[fit.window].sum(), np.nan)


def _goodness(fit: SpectrumFit) -> str:
    if fit.ndf <= 0:  # no bins hold enough events
        return "too few events for χ²"
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
