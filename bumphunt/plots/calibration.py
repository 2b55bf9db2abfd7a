"""Is the analysis calibrated? Exceedance of significances without signal, and pulls of estimates with it."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import betaincinv, ndtr

from bumphunt.plots.marks import garwood_bars
from bumphunt.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    legend_above,
    one_panel,
    panels,
    plain,
)  # fmt: skip

COLOURS = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)


def null_rates(result: Mapping[str, npt.ArrayLike] | npt.ArrayLike, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the part of signal-free significances above a threshold, in units of what a normal variable gives.

    The grey band holds 68 % of what as many independent trials would give as the first set has; windows and cuts that
    share events scatter more.

    Parameters
    ----------
    result : mapping of str to array_like, or array_like
        For each set of pseudo-experiments all its significances, or those of one.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.4)
    given = result if isinstance(result, Mapping) else {"Without signal": result}
    sets = {name: np.asarray(values, dtype=np.float64).ravel() for name, values in given.items()}
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
    legend_above(figure, axes, own=ax is None, columns=2)
    return figure, axes


NAMES = {
    "m_resonance": "Resonance mass",
    "m_x": "Mass of X",
    "m_y": "Mass of Y",
    "n_signal": "Signal events",
}


def pulls(result: Mapping[str, npt.ArrayLike], *, ax: Sequence[Axes] | None = None) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw a histogram of pulls for each quantity, beside the standard normal.

    Parameters
    ----------
    result : mapping of str to array_like
        Pulls, (value - truth) / half of the interval towards the truth.
    ax : sequence of Axes, optional
        One a quantity.

    Returns
    -------
    figure, one axes per quantity
    """
    n = len(result)
    figure, places = panels(ax, n, 2.9, width=2.4 * n, nrows=1, ncols=n, sharex=True)
    edges = np.linspace(-4.0, 4.0, 25)
    centres = 0.5 * (edges[1:] + edges[:-1])
    for axes, (name, found) in zip(places, result.items(), strict=True):
        given = np.asarray(found, dtype=np.float64)
        counts = np.histogram(np.clip(given, edges[0], edges[-1]), bins=edges)[0]
        axes.stairs(counts, edges, color=BLUE, fill=True, alpha=0.35)
        width = edges[1] - edges[0]
        axes.plot(centres, len(given) * width * np.exp(-0.5 * centres**2) / np.sqrt(2 * np.pi), color=BLACK)
        garwood_bars(axes, counts.astype(np.float64), edges, scale=1.0, color=BLUE, linewidth=0.9)
        axes.set_title(plain(NAMES.get(name, name)), loc="left", fontsize="medium")
        numbers = f"mean {given.mean():+.2f}, width {given.std():.2f}".replace("-", "−")
        axes.text(0.5, 0.95, numbers, transform=axes.transAxes, ha="center", va="top", fontsize="x-small")
        axes.set_ylim(0, 1.2 * max(axes.get_ylim()[1], 1.0))
        axes.set_xlabel("Pull [σ]")
    places[0].set_ylabel("Experiments / bin")
    return figure, places


def false_alarm_rates(local: Mapping[str, npt.ArrayLike]) -> tuple[Figure, tuple[Axes]]:
    """Do what :func:`null_rates` does, under its old name, for one more release."""
    warnings.warn("false_alarm_rates is now bumphunt.plots.null_rates", DeprecationWarning, stacklevel=2)
    figure, axes = null_rates(local)
    return figure, (axes,)
