"""Upper limits on the signal, observed and expected: at one mass, and along the mass."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from bumphunt.plots.marks import status_label
from bumphunt.plots.style import BLACK, BLUE, RED, SKY, headroom, one_panel, plain
from bumphunt.results import FloatArray, Interval, LimitCurve, LimitPlane, UpperLimit


def limit(result: UpperLimit, *, ax: Axes | None = None, n_signal: Interval | None = None) -> tuple[Figure, Axes]:
    """Draw the observed 95 % CLs limit beside the band expected without signal.

    Parameters
    ----------
    result : UpperLimit
        Limit of a narrow resonance in the inclusive spectrum.
    ax : Axes, optional
        Where to draw.
    n_signal : Interval, optional
        Yield of the mass fit, for comparison.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 2.3)
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
    unit = plain(result.mass_unit)
    axes.set_yticks([])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_xlabel("Signal events in the file, before selection [events]")
    axes.set_title(f"Narrow resonance at {result.mass:.4g} {unit} (width {result.width:.3g} {unit})", loc="left")
    axes.legend(loc="upper left", ncols=2, fontsize="small", columnspacing=1.2)
    return figure, axes


def limits(result: LimitCurve, *, ax: Axes | None = None, status: str = "") -> tuple[Figure, Axes]:
    """Draw observed and expected 95 % CLs limits along the mass of the resonance, with the usual two bands.

    Parameters
    ----------
    result : LimitCurve
        Limits on events or on a cross section.
    ax : Axes, optional
        Where to draw.
    status : str
        What the data are, above the figure, on the right.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.2)
    expected = np.asarray(result.expected, dtype=np.float64)
    for low, high, alpha, text in ((0, 4, 0.3, "± 2 σ"), (1, 3, 0.65, "± 1 σ")):
        axes.fill_between(
            result.mass, expected[:, low], expected[:, high], color=SKY, alpha=alpha, linewidth=0,
            label=f"Expected {text}",
        )  # fmt: skip
    axes.plot(result.mass, expected[:, 2], "--", color=BLUE, label="Expected, median")
    axes.plot(result.mass, result.observed, "o-", color=BLACK, markersize=3.6, label="Observed (95 % CLs)")
    if result.theory is not None:
        axes.plot(result.mass, result.theory, "-.", color=RED, label=plain(result.theory_name or "Prediction"))
    drawn = [expected, result.observed, *([] if result.theory is None else [result.theory])]
    values = np.concatenate([np.ravel(part) for part in drawn])
    positive = values[np.isfinite(values) & (values > 0)]
    if len(positive):
        axes.set_yscale("log")
        axes.set_ylim(0.6 * float(positive.min()), 1.6 * float(positive.max()))
        headroom(axes, 0.28)
    if len(result.mass) > 1:
        axes.set_xlim(float(np.min(result.mass)), float(np.max(result.mass)))
    axes.set_xlabel(f"Mass of the resonance [{plain(result.mass_unit)}]")
    axes.set_ylabel(f"Upper limit: {plain(result.quantity)} [{plain(result.unit)}]")
    if result.label:
        axes.set_title(plain(result.label), loc="left")
    status_label(axes, status)
    axes.legend(loc="upper right", ncols=2, fontsize="small", columnspacing=1.2)
    return figure, axes


def limit_plane(result: LimitPlane, *, ax: Axes | None = None, status: str = "") -> tuple[Figure, Axes]:
    """Draw limits over the daughters' masses: colour and numbers for observed ones, expected ones in brackets.

    Between three points and more the observed limit is interpolated linearly.

    Parameters
    ----------
    result : LimitPlane
        Limits at one mass of the resonance.
    ax : Axes, optional
        Where to draw.
    status : str
        What the data are, above the figure, on the right.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.6)
    m_x, m_y = np.asarray(result.m_x, dtype=np.float64), np.asarray(result.m_y, dtype=np.float64)
    observed = np.asarray(result.observed, dtype=np.float64)
    known = np.isfinite(observed) & (observed > 0)
    if known.any():
        low, high = float(observed[known].min()), float(observed[known].max())
        scale = LogNorm(low / 1.02, high * 1.02)
        area = np.ptp(m_x[known]) * np.ptp(m_y[known])
        if known.sum() >= 3 and area > 0 and np.linalg.matrix_rank(_offsets(m_x[known], m_y[known])) == 2:
            levels = np.geomspace(low / 1.02, high * 1.02, 24)
            axes.tricontourf(m_x[known], m_y[known], observed[known], levels=levels, norm=scale, cmap="cividis")
        drawn = axes.scatter(
            m_x[known], m_y[known], c=observed[known], norm=scale, cmap="cividis", s=44, edgecolor="white", zorder=3
        )
        bar = figure.colorbar(drawn, ax=axes)
        bar.ax.yaxis.set_major_formatter("{x:.3g}")
        bar.ax.yaxis.set_minor_formatter("{x:.3g}")
        bar.set_label(f"Observed limit: {plain(result.quantity)} [{plain(result.unit)}]")
    for x, y, seen, mean in zip(m_x, m_y, observed, result.expected, strict=True):
        text = f"{seen:.3g} ({mean:.3g})" if np.isfinite(seen) else "no limit"
        axes.annotate(
            text, (x, y), xytext=(0, 7), textcoords="offset points", ha="center", fontsize="small", zorder=4,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip
    for values, setter in ((m_x, axes.set_xlim), (m_y, axes.set_ylim)):
        room = 0.16 * float(np.ptp(values)) or 50.0
        setter(float(values.min()) - room, float(values.max()) + room)
    axes.set_xlabel("Mass of X, the heavier daughter [GeV]")
    axes.set_ylabel("Mass of Y, the lighter daughter [GeV]")
    axes.set_title(f"Resonance at {result.m_resonance:.0f} GeV: observed (expected) at 95 % CLs", loc="left")
    status_label(axes, status)
    return figure, axes


def _offsets(x: FloatArray, y: FloatArray) -> FloatArray:
    return np.stack([x - x[0], y - y[0]], axis=1)
