"""What several figures share: error bars of counts, pulls, axis labels, levels of significance."""

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from bumphunt.plots.style import BLACK, plain
from bumphunt.results import BoolArray, FloatArray

LABELS = {
    "mjj": "Dijet mass $m_{jj}$ [GeV]",
    "mj1": "Heavier jet mass $m_{j1}$ [GeV]",
    "mj2": "Lighter jet mass $m_{j2}$ [GeV]",
}
THIN = "\u2009"
"""Thin space, between groups of three digits."""
SYMBOLS = {"mjj": "$m_{jj}$ [GeV]", "mj1": "$m_{j1}$ [GeV]", "mj2": "$m_{j2}$ [GeV]"}


def label(variable: str, *, short: bool = False) -> str:
    """Return the axis label of an event column, with its unit where it is known."""
    return (SYMBOLS if short else LABELS).get(variable, plain(variable))


def poisson_errors(counts: FloatArray) -> FloatArray:
    """Return the lower and upper 68 % error bars of event counts, shape (2, bins).

    Gehrels (1986), equations 9 and 12 with S = 1: the central (Garwood) interval to about 1 %.

    Examples
    --------
    >>> import numpy as np
    >>> poisson_errors(np.array([0.0, 1.0, 100.0])).round(2).tolist()
    [[0.0, 0.83, 9.98], [1.83, 2.29, 11.03]]
    """
    n = np.maximum(np.asarray(counts, dtype=np.float64), 0.0)
    above = n + 1.0
    high = above * (1.0 - 1.0 / (9.0 * above) + 1.0 / (3.0 * np.sqrt(above))) ** 3
    safe = np.maximum(n, 0.5)
    low = np.where(n > 0, safe * np.maximum(1.0 - 1.0 / (9.0 * safe) - 1.0 / (3.0 * np.sqrt(safe)), 0.0) ** 3, 0.0)
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
    """Draw event counts as points with 68 % Poisson error bars; an empty bin shows its upper bar only."""
    points = np.where(counts > 0, counts, np.nan if axes.get_yscale() == "log" else counts)
    axes.errorbar(
        0.5 * (edges[1:] + edges[:-1]),
        points,
        yerr=poisson_errors(counts),
        fmt="o",
        markersize=3.6,
        linewidth=1.0,
        color=BLACK,
        label=text,
        zorder=4,
    )


def spans(masked: BoolArray, edges: FloatArray) -> Iterator[tuple[float, float]]:
    """Yield the low and high edge of each run of masked bins."""
    padded = np.concatenate([[False], np.asarray(masked, dtype=bool), [False]]).astype(int)
    steps = np.diff(padded)
    for first, last in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        yield float(edges[first]), float(edges[last])


def per_bin(edges: FloatArray) -> str:
    """Return the label of a count axis: events per bin, with the bin width in GeV."""
    widths = np.diff(edges)
    if np.ptp(widths) < 1e-6 * widths.max():
        return f"Events / {widths[0]:.3g} GeV"
    return f"Events per bin ({widths.min():.3g}–{widths.max():.3g} GeV)"


def tail_probability(z: float) -> float:
    """Return the one-sided p-value of ``z`` standard deviations.

    Examples
    --------
    >>> f"{tail_probability(5.0):.3g}"
    '2.87e-07'
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))
