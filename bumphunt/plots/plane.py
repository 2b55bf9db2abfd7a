"""The plane of the two jet masses: selected events of the best window and of its sidebands."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.marks import label
from bumphunt.plots.style import BLUE, GREY, RED, new_figure, styled
from bumphunt.results import JetPlane, MassFit

MANY = 3000
"""Above this number of points a PDF holds them as pixels, to stay small."""


@styled
def jet_plane(plane: JetPlane, *, mass_fit: MassFit | None = None) -> tuple[Figure, tuple[Axes]]:
    """Draw heavier against lighter jet mass of selected events, with the fitted masses of the daughters.

    Parameters
    ----------
    plane : JetPlane
        Selected events in the best window and in its sidebands, GeV.
    mass_fit : MassFit, optional
        Marks m_x and m_y with their 68 % intervals.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(4.8)
    axes = figure.add_subplot()
    groups = (
        (plane.mj1_sideband, plane.mj2_sideband, "Sidebands", "x", GREY, 16),
        (plane.mj1_window, plane.mj2_window, "Window", "o", BLUE, 20),
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
    if mass_fit is not None:
        x_mass, y_mass = mass_fit.m_x, mass_fit.m_y
        axes.axvline(x_mass.value, color=RED, linewidth=0.9, linestyle="--")
        axes.axhline(y_mass.value, color=RED, linewidth=0.9, linestyle="--")
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
    everything = np.concatenate([plane.mj1_window, plane.mj1_sideband, [100.0]])
    lighter = np.concatenate([plane.mj2_window, plane.mj2_sideband, [100.0]])
    right, top = 1.05 * float(np.nanmax(everything)), 1.32 * float(np.nanmax(lighter))
    axes.plot([0, max(right, top)], [0, max(right, top)], color=GREY, linewidth=0.8, label="Equal masses")
    axes.set_xlim(0, right)
    axes.set_ylim(0, top)
    axes.set_xlabel(label("mj1"))
    axes.set_ylabel(label("mj2"))
    axes.legend(loc="upper left", ncols=2, framealpha=0.9, frameon=True, edgecolor="none", columnspacing=1.2)
    return figure, (axes,)
