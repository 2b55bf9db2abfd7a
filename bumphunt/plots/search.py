"""The search: p-value of every window and cut, of every signal hypothesis, and what other scores see."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import mass_axis, p_text, status_label, tail_probability
from bumphunt.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, legend_above, one_panel, plain
from bumphunt.results import CrossCheck, HypothesisMap, HypothesisScan, ScanResult, WindowResult
from bumphunt.results.rounding import mass_text

SMALLEST = 1e-60
"""p-values below are drawn here, with a mark that points down."""
MARKERS = "os^Dvp*h"
PALE = "#fefefe"
"""Lines on a colour map, which is the same in a dark scheme."""
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)


def scan(
    result: ScanResult,
    *,
    ax: Axes | None = None,
    status: str = "",
    variable: str | None = None,
    prior: Sequence[HypothesisScan] = (),
) -> tuple[Figure, Axes]:
    """Draw the local p-value against the middle of the window, one line per cut, and write the global one.

    Windows that were not searched are gaps in the lines.

    Parameters
    ----------
    result : ScanResult
        All windows and cuts that were looked at.
    ax : Axes, optional
        Where to draw.
    status : str
        What the data are, above the figure, on the right.
    variable : str
        Short label of the mass axis; by default the name of the mass that the result knows.
    prior : sequence of HypothesisScan
        Windows of the prior-assisted search (``products.hypothesis_scans``), drawn as a line of its own: the most
        significant of some hundred hypotheses in each, which without signal is about 2 to 3 σ already.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.4)
    axes.set_yscale("log")
    # what the prior-assisted search found is the end of its own line
    of_prior = {(one.low, one.high, one.cut_fraction) for one in prior}
    several = {w.cut_fraction for w in result.windows if (w.low, w.high, w.cut_fraction) not in of_prior}
    counted = [
        w
        for w in result.windows
        if w.cut_fraction in several and (w.fit or (w.low, w.high, w.cut_fraction) not in of_prior)
    ]
    cuts = sorted({window.cut_fraction for window in counted}, reverse=True)
    for i, cut in enumerate(cuts):
        windows = sorted((w for w in counted if w.cut_fraction == cut), key=lambda w: w.centre)
        p = np.array([_drawn(window) for window in windows])
        if np.isfinite(p).any():
            axes.plot(
                [window.centre for window in windows],
                p,
                marker=MARKERS[i % len(MARKERS)],
                markersize=4.5,
                linewidth=1.3,
                color=COLOURS[i % len(COLOURS)],
                label=f"{100 * cut:.3g} % of the events kept",
            )
    least = [max(tail_probability(one.z_best), SMALLEST) for one in prior]
    if least:
        places = [0.5 * (one.low + one.high) for one in prior]
        axes.plot(
            places, least, "D--", markersize=4.5, linewidth=1.3, color=BLACK, label="Prior-assisted, best of each"
        )
    smallest = min((p for p in [*map(_drawn, result.windows), *least] if math.isfinite(p)), default=0.1)
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
            label=f"Best: {_window(best)} {plain(result.mass_unit)}, {best.z_local:.1f} σ",
        )
    axes.set_ylim(min(smallest, tail_probability(3.0)) / 6.0, 2.0)
    _significance_lines(axes)
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= 1.0], minor=False)
    axes.minorticks_off()
    if result.windows:
        axes.set_xlim(min(w.low for w in result.windows), max(w.high for w in result.windows))
    else:
        axes.text(0.5, 0.5, "No window was searched", transform=axes.transAxes, ha="center")
    variable = mass_axis(result.mass_label, result.mass_unit, short=True) if variable is None else variable
    axes.set_xlabel(f"Middle of the window in {variable}")
    axes.set_ylabel("Local p-value (one-sided)")
    status_label(axes, status)
    if math.isfinite(result.p_global):
        # a number and no line: the global p-value has no place on an axis of local ones
        sign = "≤" if result.is_bound else "="
        z = f"{result.z_global:.1f}".replace("-", "−")
        axes.set_title(f"Global p {sign} {p_text(result.p_global)} ({z} σ)", loc="left")
    legend_above(figure, axes, own=ax is None, columns=3)
    return figure, axes


def _window(window: WindowResult) -> str:
    digits = 0 if window.high >= 100.0 else 2
    return f"{window.low:.{digits}f}–{window.high:.{digits}f}"


def _drawn(window: WindowResult) -> float:
    if window.note or not math.isfinite(window.p_local):
        return math.nan
    return max(window.p_local, SMALLEST)


def _significance_lines(axes: Axes) -> None:
    """Mark whole significances; those of evidence and discovery, 3 and 5, more strongly than the others."""
    bottom = axes.get_ylim()[0]
    highest = next(z for z in range(1, 40) if tail_probability(z) < bottom) - 1
    room = math.log(axes.get_ylim()[1] / bottom) / 24.0
    levels = [level for level in (3, 5) if level <= highest]
    for z in range(1, highest + 1):
        # a line only where its label has room; evidence and discovery come first
        if all(abs(math.log(tail_probability(z) / tail_probability(other))) > room for other in levels):
            levels.append(z)
    for z in levels:
        p, strong = tail_probability(z), z in (3, 5)
        axes.axhline(p, color=BLACK if strong else GREY, linewidth=1.0 if strong else 0.8,
                     linestyle="--" if strong else ":", zorder=0)  # fmt: skip
        axes.annotate(
            f"{z} σ",
            (1.0, p),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            fontweight="bold" if strong else "normal",
            color=BLACK,
        )


SCORES = {
    "cwola": "CWoLa, trees",
    "weak_supervision_networks": "CWoLa, networks",
    "latent_cwola": "CWoLa in a latent space",
    "vae_z": "VAE: latent mean",
    "vae_z2": "VAE: latent mean squared",
    "vae_log_var": "VAE: log of the latent variance",
    "vae_kl": "VAE: Kullback–Leibler part",
    "vae_loss": "VAE: loss",
    "vae_mean": "VAE: latent mean",
    "vae_reconstruction": "VAE: reconstruction error",
    "vae_reconstruction_error": "VAE: reconstruction error",
    "vae_chosen": "VAE: score chosen blindly",
    "autoencoder": "Autoencoder: error",
    "autoencoder_error": "Autoencoder: error",
    "mahalanobis": "Mahalanobis distance",
}
"""Names of scores in words."""


def cross_checks(
    result: Sequence[CrossCheck], *, ax: Axes | None = None, reference: WindowResult | None = None
) -> tuple[Figure, Axes]:
    """Draw one horizontal bar per score, named with its observed and expected events.

    Parameters
    ----------
    result : sequence of CrossCheck
        In the order in which they are to be listed.
    ax : Axes, optional
        Where to draw.
    reference : WindowResult, optional
        The best window of the main analysis, drawn first in another colour.

    Returns
    -------
    figure, axes
    """
    seen: list[tuple[str, CrossCheck | WindowResult, str]] = [
        (_name(check.name, check.orientation), check, BLUE) for check in result
    ]
    if reference is not None:
        seen.insert(0, ("Main analysis", reference, RED))
    rows = [(name, r.z_local, r.n_observed, r.n_expected, r.n_expected_error, colour) for name, r, colour in seen]
    figure, axes = one_panel(ax, 0.9 + 0.5 * max(len(rows), 1))
    significances = [z for _, z, *_ in rows if math.isfinite(z)]
    low, high = min([0.0, *significances]), max([5.0, *significances])
    for i, (_, z, *_, colour) in enumerate(rows):
        shown = "no number"
        if math.isfinite(z):
            axes.barh(i, z, height=0.6, color=colour, alpha=0.85)
            shown = f"{z + 0.0 if round(z, 1) else 0.0:.1f} σ".replace("-", "−")
        place = max(z, 0.0) + 0.015 * (high - low) if math.isfinite(z) else 0.1
        axes.text(place, i, shown, va="center", fontsize="small")
    axes.axvline(0.0, color=BLACK, linewidth=0.9)
    for level in (3.0, 5.0):
        axes.axvline(level, color=BLACK, linewidth=1.0, linestyle="--", zorder=0)
    texts = [f"{name}\n{observed} on {expected:.1f} ± {error:.1f}" for name, _, observed, expected, error, _ in rows]
    axes.set_yticks(range(len(rows)), texts, fontsize="small")
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(low - (0.05 * (high - low) if low < 0 else 0.0), high + 0.2 * (high - low))
    axes.set_xlabel("Local significance in the best window [σ]")
    return figure, axes


def _name(name: str, orientation: int) -> str:
    words = SCORES.get(name, name.replace("_", " "))
    side = {1: "high end", -1: "low end"}.get(orientation, "")
    return plain(f"{words} ({side})" if side else words)


def hypothesis_map(result: HypothesisMap, *, ax: Axes | None = None, status: str = "") -> tuple[Figure, Axes]:
    """Draw the local significance of every tried pair of daughter masses, with contours at 3 and 5 σ.

    Points that were not tried stay empty; the largest is marked.

    Parameters
    ----------
    result : HypothesisMap
        Significances on a grid of (m_X, m_Y).
    ax : Axes, optional
        Where to draw; the colour bar takes its room from them.
    status : str
        What the data are, above the figure, on the right.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.8)
    z = np.ma.masked_invalid(np.asarray(result.z_local, dtype=np.float64))
    top = max(3.0, float(z.max()) if z.count() else 3.0)
    drawn = axes.pcolormesh(
        result.m_x, result.m_y, z, shading="nearest", cmap="cividis", vmin=0.0, vmax=top, rasterized=True
    )
    bar = figure.colorbar(drawn, ax=axes)
    bar.set_label("Local significance [σ]")
    levels = [level for level in (3.0, 5.0) if z.count() and level < z.max()]
    if levels and min(z.shape) > 1:
        axes.contour(result.m_x, result.m_y, z, levels=levels, colors=PALE, linewidths=[0.8, 2.0][: len(levels)])
        # contours lie too near to one another for labels of their own
        text = "Thin line: 3 σ, thick: 5 σ" if len(levels) > 1 else "Line: 3 σ"
        axes.plot([], [], linestyle="none", label=text)
    if z.count():
        row, column = np.unravel_index(int(np.nanargmax(result.z_local)), z.shape)
        text = (
            f"Largest: {z[row, column]:.1f} σ at {mass_text(result.m_x[column])} and {mass_text(result.m_y[row])} GeV"
        )
        axes.plot(
            result.m_x[column], result.m_y[row], "*", color=RED, markersize=14, markeredgecolor=PALE,
            linestyle="none", label=text, clip_on=False,
        )  # fmt: skip
        axes.legend(loc="upper left", frameon=True, framealpha=0.9, edgecolor="none", fontsize="small")
    axes.set_xlabel("Heavier daughter $m_X$ [GeV]")
    axes.set_ylabel("Lighter daughter $m_Y$ [GeV]")
    if result.m_resonance is not None:
        axes.set_title(f"Resonance at {mass_text(result.m_resonance)} GeV", loc="left")
    status_label(axes, status)
    return figure, axes
