"""A mass spectrum with its background fit, the window left out, and the pulls."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import THIN, draw_counts, label, per_bin, signed_pulls, spans
from bumphunt.plots.style import BLUE, GREY, ORANGE, RED, headroom, new_figure, plain, styled
from bumphunt.results import SpectrumFit


@styled
def spectrum(fit: SpectrumFit, *, title: str = "") -> tuple[Figure, tuple[Axes, Axes]]:
    """Draw one spectrum: events and fit with its 68 % band above, pulls below.

    Parameters
    ----------
    fit : SpectrumFit
        Spectrum before or after a selection.
    title : str
        One line above the figure.

    Returns
    -------
    figure, (spectrum, pulls)
    """
    figure = new_figure(5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
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
    upper.stairs(fit.expected, edges, baseline=None, color=BLUE, label=f"Fit {plain(fit.family)} ({_goodness(fit)})")
    draw_counts(upper, fit.counts, edges, text=f"Data ({fit.counts.sum():,.0f} events)".replace(",", THIN))
    upper.set_ylim(_floor(fit), max(2.0, 2.0 * float(max(np.max(fit.counts), np.nanmax(fit.expected)))))
    headroom(upper, 0.27)
    upper.set_ylabel(per_bin(edges))
    upper.set_title(plain(title))
    upper.legend(*_ordered(upper), loc="upper right", alignment="left")

    pulls = signed_pulls(fit.counts, fit.expected)
    relative = fit.error / np.sqrt(np.maximum(fit.expected, 1e-12))
    lower.stairs(relative, edges, baseline=-relative, fill=True, color=BLUE, alpha=0.3, linewidth=0)
    lower.axhline(0.0, color=BLUE, linewidth=1.0)
    for level in (-2.0, 2.0):
        lower.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
    centres = 0.5 * (edges[1:] + edges[:-1])
    for bins, colour in ((~fit.masked, "black"), (fit.masked, RED)):
        lower.plot(centres[bins], pulls[bins], "o", markersize=3.6, color=colour)
    reach = max(3.2, 1.15 * float(np.nanmax(np.abs(pulls), initial=0.0)))
    lower.set_ylim(-min(reach, 3.2) if np.nanmin(pulls, initial=0.0) > -3.0 else -reach, reach)
    lower.set_ylabel("Pull [σ]", loc="center")
    lower.set_xlabel(label("mjj"))
    lower.set_xlim(edges[0], edges[-1])
    return figure, (upper, lower)


def _goodness(fit: SpectrumFit) -> str:
    return f"χ²/ndf = {fit.chi2:.1f}/{fit.ndf}, p = {fit.p_value:.2g}"


def _floor(fit: SpectrumFit) -> float:
    """Lowest value worth showing on the logarithmic axis: below every bin, but not far below one event."""
    values = np.concatenate([fit.expected, fit.counts[fit.counts > 0]])
    smallest = float(np.nanmin(values[values > 0], initial=np.inf))
    return max(0.3 * smallest, 0.08) if np.isfinite(smallest) else 0.08


def _ordered(axes: Axes) -> tuple[list[object], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: (not labels[i].startswith("Data"), labels[i].startswith("Window")))
    return [handles[i] for i in order], [labels[i] for i in order]
