"""Is the analysis calibrated? Exceedance of significances without signal, and pulls of estimates with it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import betaincinv, ndtr

from bumphunt.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, new_figure, plain, styled

COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)


@styled
def false_alarm_rates(local: Mapping[str, npt.ArrayLike]) -> tuple[Figure, tuple[Axes]]:
    """Draw the part of signal-free significances above a threshold, in units of what a normal variable gives.

    The grey band holds 68 % of what as many independent trials would give as the first set has; windows and cuts that
    share events scatter more.

    Parameters
    ----------
    local : mapping of str to array_like
        For each set of pseudo-experiments all its local significances.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(4.4)
    axes = figure.add_subplot()
    sets = {name: np.asarray(values, dtype=np.float64).ravel() for name, values in local.items()}
    thresholds = np.linspace(-1.0, 3.0, 81)
    nominal = ndtr(-thresholds)
    n = len(next(iter(sets.values())))
    mean = n * nominal
    low, high = (betaincinv(mean + 0.5, n - mean + 0.5, q) / nominal for q in (0.16, 0.84))
    axes.fill_between(thresholds, low, high, color=GREY, alpha=0.25, linewidth=0, label=f"68 % of {n} trials")
    axes.axhline(1.0, color=BLACK, linewidth=0.9)
    for (name, values), colour in zip(sets.items(), COLOURS, strict=False):
        rate = (values[:, None] > thresholds).mean(axis=0)
        axes.plot(thresholds, rate / nominal, color=colour, label=plain(name))
    axes.set_xlim(thresholds[0], thresholds[-1])
    axes.set_ylim(0.0, 3.0)
    axes.set_xlabel("Threshold of local significance [standard deviations]")
    axes.set_ylabel("Rate without signal / nominal")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure, (axes,)


@styled
def pulls(values: Mapping[str, npt.ArrayLike]) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw a histogram of pulls for each quantity, beside the standard normal.

    Parameters
    ----------
    values : mapping of str to array_like
        Pulls, (value - truth) / half of the interval towards the truth.

    Returns
    -------
    figure, one axes per quantity
    """
    figure = new_figure(2.6, width=2.4 * len(values))
    panels = np.atleast_1d(figure.subplots(1, len(values), sharex=True))
    edges = np.linspace(-4.0, 4.0, 25)
    centres = 0.5 * (edges[1:] + edges[:-1])
    for axes, (name, found) in zip(panels, values.items(), strict=True):
        given = np.asarray(found, dtype=np.float64)
        counts = np.histogram(np.clip(given, edges[0], edges[-1]), bins=edges)[0]
        axes.stairs(counts, edges, color=BLUE, fill=True, alpha=0.35)
        width = edges[1] - edges[0]
        axes.plot(centres, len(given) * width * np.exp(-0.5 * centres**2) / np.sqrt(2 * np.pi), color=BLACK)
        axes.set_title(plain(name))
        axes.set_xlabel("Pull")
    panels[0].set_ylabel("Pseudo-experiments / bin")
    return figure, tuple(panels)
