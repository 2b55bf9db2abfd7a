"""What several figures share: error bars of counts, pulls, axis labels, levels of significance."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bumphunt.plots.style import BLACK, plain
from bumphunt.results import BoolArray, FloatArray

LABELS = {
    "mjj": "Dijet mass $m_{jj}$ [GeV]",
    "mj1": "Heavier jet mass $m_{j1}$ [GeV]",
    "mj2": "Lighter jet mass $m_{j2}$ [GeV]",
}
LOWEST = 1e-6
OUTSIDE = 0.5 * math.erfc(1.0 / math.sqrt(2.0))
"""Probability below, and above, a central interval of one standard deviation."""
THIN = "\u2009"
"""Thin space, between groups of three digits."""
SYMBOLS = {"mjj": "$m_{jj}$ [GeV]", "mj1": "$m_{j1}$ [GeV]", "mj2": "$m_{j2}$ [GeV]"}


def label(variable: str, *, short: bool = False) -> str:
    """Return the axis label of an event column, with its unit where it is known."""
    return (SYMBOLS if short else LABELS).get(variable, plain(variable))


def poisson_errors(counts: FloatArray) -> FloatArray:
    """Return the lower and upper 68 % error bars of event counts, shape (2, bins).

    The central (Garwood) interval, exact: quantiles of the gamma distribution.

    Examples
    --------
    >>> import numpy as np
    >>> poisson_errors(np.array([0.0, 1.0, 100.0])).round(3).tolist()
    [[0.0, 0.827, 9.983], [1.841, 2.3, 11.033]]
    """
    from scipy.special import gammaincinv  # heavy: loaded when the first counts are drawn

    n = np.maximum(np.asarray(counts, dtype=np.float64), 0.0)
    low = np.where(n > 0, gammaincinv(np.maximum(n, 1e-9), OUTSIDE), 0.0)
    high = gammaincinv(n + 1.0, 1.0 - OUTSIDE)
    return np.stack([n - low, high - n])


def signed_pulls(counts: FloatArray, expected: FloatArray) -> FloatArray:
    """Return the signed root of the Poisson likelihood ratio in each bin, in standard deviations.

    Near ``(n - b) / sqrt(b)`` where many events are expected, and still meaningful where few are.

    Examples
    --------
    >>> import numpy as np
    >>> signed_pulls(np.array([110.0, 1.0, 0.0]), np.array([100.0, 0.01, 2.0])).round(2).tolist()
    [0.98, 2.69, -2.0]
    """
    n = np.asarray(counts, dtype=np.float64)
    b = np.maximum(np.asarray(expected, dtype=np.float64), 1e-12)
    ratio = np.where(n > 0, n * np.log(np.where(n > 0, n, 1.0) / b), 0.0)
    size = np.sqrt(np.maximum(2.0 * (ratio - (n - b)), 0.0))
    return np.where(n >= b, size, -size)


def draw_counts(axes: Axes, counts: FloatArray, edges: FloatArray, *, text: str) -> None:
    """Draw event counts as points with 68 % Poisson error bars; an empty bin shows its upper bar only, everywhere."""
    bars = poisson_errors(counts)
    empty = np.asarray(counts) <= 0
    # on a logarithmic axis a bar that starts at zero would vanish: it starts below all that is shown
    start = np.where(empty, LOWEST, counts) if axes.get_yscale() == "log" else counts
    points = axes.errorbar(
        0.5 * (edges[1:] + edges[:-1]), start, yerr=bars, fmt="o", markersize=3.6, linewidth=1.0, color=BLACK,
        label=text, zorder=4,
    )  # fmt: skip
    places = np.where(empty, np.nan, counts)
    points.lines[0].set_ydata(places)


def status_label(axes: Axes, text: str) -> None:
    """Write what the data are (collision energy, luminosity, simulation) above the right end of a panel."""
    if text:
        axes.set_title(plain(text), loc="right", fontsize="medium")


def garwood_bars(axes: Axes, counts: FloatArray, edges: FloatArray, *, scale: float, **look: Any) -> None:
    """Draw counts times ``scale`` with their exact 68 % bars, without markers, in bins that are filled."""
    filled = np.asarray(counts) > 0
    centres = 0.5 * (edges[1:] + edges[:-1])
    bars = poisson_errors(counts)[:, filled] * scale
    axes.errorbar(centres[filled], counts[filled] * scale, yerr=bars, fmt="none", **look)


def spans(masked: BoolArray, edges: FloatArray) -> Iterator[tuple[float, float]]:
    """Yield the low and high edge of each run of masked bins."""
    padded = np.concatenate([[False], np.asarray(masked, dtype=bool), [False]]).astype(int)
    steps = np.diff(padded)
    for first, last in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        yield float(edges[first]), float(edges[last])


def per_bin(edges: FloatArray, unit: str = "GeV") -> str:
    """Return the label of a count axis: events per bin, with the bin width.

    Examples
    --------
    >>> import numpy as np
    >>> per_bin(np.array([0.0, 50.0, 100.0])), per_bin(np.array([0.0, 50.0, 150.0]))
    ('Events / 50 GeV', 'Events / bin (50–100 GeV)')
    """
    widths = np.diff(edges)
    given = f" {unit}" if unit else ""
    if np.ptp(widths) < 1e-6 * widths.max():
        return f"Events / {widths[0]:.3g}{given}"
    return f"Events / bin ({widths.min():.3g}–{widths.max():.3g}{given})"


def tail_probability(z: float) -> float:
    """Return the one-sided p-value of ``z`` standard deviations.

    Examples
    --------
    >>> f"{tail_probability(5.0):.3g}"
    '2.87e-07'
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))
