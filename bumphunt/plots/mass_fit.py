"""Projections of the mass fit: selected events, fitted signal and background."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import draw_counts, label, per_bin
from bumphunt.plots.style import ORANGE, RED, SKY, headroom, new_figure, styled
from bumphunt.results import Interval, MassFit


@styled
def mass_fit(fit: MassFit) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw each projection of the fit: data, background, signal stacked on top, and the fitted mass.

    Returns
    -------
    figure, axes
        One panel a projection.
    """
    n = max(len(fit.projections), 1)
    figure = new_figure(1.0 + 2.1 * n)
    panels = figure.subplots(n, 1, squeeze=False)[:, 0]
    masses: dict[str, tuple[str, Interval]] = {
        "mjj": ("$m_{res}$", fit.m_resonance),
        "mj1": ("$m_X$", fit.m_x),
        "mj2": ("$m_Y$", fit.m_y),
    }
    for i, (axes, projection) in enumerate(zip(panels, fit.projections, strict=False)):
        edges, total = projection.edges, projection.background + projection.signal
        axes.stairs(total, edges, baseline=projection.background, fill=True, color=ORANGE, alpha=0.75, label="Signal")
        axes.stairs(projection.background, edges, fill=True, color=SKY, alpha=0.45, label="Background")
        axes.stairs(total, edges, baseline=None, color=RED, linewidth=1.4, label="Sum")
        draw_counts(axes, projection.counts, edges, text="Data")
        reach = np.nanmax(np.concatenate([projection.counts + np.sqrt(projection.counts + 1.0), total]))
        axes.set_ylim(0, 1.05 * float(reach))
        headroom(axes, 0.3 if i == 0 else 0.14)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(label(projection.variable))
        axes.set_ylabel(per_bin(edges), fontsize=10)
        if projection.variable in masses:
            symbol, interval = masses[projection.variable]
            axes.text(0.02, 0.93, f"{symbol} = {interval} GeV", transform=axes.transAxes, va="top", fontsize=10.5)
        if i == 0:
            axes.legend(loc="upper right", ncols=2, fontsize=9.5, columnspacing=1.0)
    return figure, tuple(panels)
