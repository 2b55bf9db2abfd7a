"""What several figures share: error bars of counts, pulls, axis labels, levels of significance."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bumphunt.plots.style import BLACK, BLUE, GREY, RED, plain
from bumphunt.results import DIJET_MASS, BoolArray, FloatArray

LABELS = {
    "mjj": "Dijet mass $m_{jj}$ [GeV]",
    "mj1": "Heavier jet mass $m_{j1}$ [GeV]",
    "mj2": "Lighter jet mass $m_{j2}$ [GeV]",
}
MASSES = tuple(LABELS)
"""Masses of a dijet as results name them: the resonance, the heavier and the lighter jet."""
LOWEST = 1e-6
PULL_RANGE = 8.0
"""Standard deviations that a panel of pulls shows at most."""
OUTLIERS = 2
"""So many bins outside the window may lie beyond the panel: one or two far out must not flatten the others."""
OUTSIDE = 0.5 * math.erfc(1.0 / math.sqrt(2.0))
"""Probability below, and above, a central interval of one standard deviation."""
THIN = "\u2009"
"""Thin space, between groups of three digits."""
FEATURES = {
    "mj1": "Mass, heavier jet",
    "mj2": "Mass, lighter jet",
    **{
        f"{name}_{number}": f"{words}, {which} jet"
        for name, words in (("tau21", r"$\tau_2/\tau_1$"), ("tau32", r"$\tau_3/\tau_2$"), ("massdrop", "Mass drop"))
        for number, which in ((1, "heavier"), (2, "lighter"))
    },
}
"""Features of dijets in words."""
SYMBOLS = {"mjj": "$m_{jj}$ [GeV]", "mj1": "$m_{j1}$ [GeV]", "mj2": "$m_{j2}$ [GeV]"}


def mass_axis(label: str, unit: str, *, short: bool = False) -> str:
    r"""Return the axis label of the searched mass from its name and unit.

    Examples
    --------
    >>> mass_axis("dimuon mass", "GeV"), mass_axis("dijet mass", "GeV", short=True)
    ('Dimuon mass [GeV]', '$m_{jj}$ [GeV]')
    """
    if (label, unit) == (DIJET_MASS, "GeV"):
        return SYMBOLS["mjj"] if short else LABELS["mjj"]
    name = plain(label if short else label[:1].upper() + label[1:])
    return f"{name} [{plain(unit)}]" if unit else name


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
    """Draw event counts as points with 68 % Poisson error bars; an empty bin shows its upper bar only, thin and grey.

    The same in every figure; :func:`draw_pulls` shows an empty bin as an open circle.
    """
    bars, centres = poisson_errors(counts), 0.5 * (edges[1:] + edges[:-1])
    empty = np.asarray(counts) <= 0
    axes.errorbar(
        centres[~empty], counts[~empty], yerr=bars[:, ~empty], fmt="o", markersize=3.6, linewidth=1.0, color=BLACK,
        label=text, zorder=4,
    )  # fmt: skip
    # on a logarithmic axis a bar that starts at zero would vanish: it starts below all that is shown
    start = LOWEST if axes.get_yscale() == "log" else 0.0
    axes.vlines(centres[empty], start, bars[1, empty], color=GREY, linewidth=0.8, zorder=3)


def draw_pulls(
    axes: Axes, counts: FloatArray, expected: FloatArray, edges: FloatArray, *, special: BoolArray | None = None
) -> None:
    """Draw the signed pull of each bin, open where the bin is empty, so that no bin squeezes the others.

    What lies beyond the panel becomes an arrow at its edge; neighbouring arrows share one number, the range of theirs.

    Parameters
    ----------
    axes : Axes
        The panel; its limits and label are set.
    counts, expected, edges : array_like
        Events and expectation per bin, and the edges.
    special : array_like of bool, optional
        Bins of another colour that may set the scale up to :data:`PULL_RANGE`, such as those of a window.
    """
    found, centres = signed_pulls(counts, expected), 0.5 * (edges[1:] + edges[:-1])
    marked = np.zeros(len(found), dtype=bool) if special is None else np.asarray(special, dtype=bool)
    axes.axhline(0.0, color=BLUE, linewidth=1.0, zorder=1)
    for level in (-2.0, 2.0):
        axes.axhline(level, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
    beside = np.sort(np.abs(found[~marked]))[-OUTLIERS - 1 :]
    tallest = max(float(np.max(beside[:1], initial=0.0)), float(np.max(np.abs(found[marked]), initial=0.0)))
    reach = float(np.clip(1.15 * tallest, 3.6, PULL_RANGE))
    beyond, empty = np.abs(found) > reach, np.asarray(counts) <= 0
    for bins, colour in ((~marked, BLACK), (marked, RED)):
        for part, face in ((~empty, colour), (empty, "none")):
            shown = bins & part & ~beyond
            axes.plot(centres[shown], found[shown], "o", markersize=3.6, color=colour, markerfacecolor=face)
    lowest = float(np.min(found, initial=0.0))
    bottom = -min(reach, 3.6) if lowest > -3.4 else -reach
    for side in (1.0, -1.0):
        place = 0.9 * (reach if side > 0 else bottom * side) * side
        for first, last in runs(beyond & (np.sign(found) == side)):
            bins = np.arange(first, last)
            colour = RED if marked[first] else BLACK
            axes.plot(centres[bins], np.full(len(bins), place), "^" if side > 0 else "v", markersize=5.5, color=colour,
                      linestyle="none")  # fmt: skip
            values = sorted({f"{abs(value):.1f}" for value in found[bins]}, key=float)
            text = ("" if side > 0 else "−") + (values[0] if len(values) == 1 else f"{values[0]}–{values[-1]}")
            right = centres[last - 1] < 0.5 * (edges[0] + edges[-1])
            axes.annotate(
                text, (centres[last - 1] if right else centres[first], place), xytext=(6 if right else -6, 0),
                textcoords="offset points", va="center", ha="left" if right else "right", fontsize="x-small",
                color=colour,
            )  # fmt: skip
    axes.set_ylim(bottom, reach)
    axes.set_ylabel("Pull [σ]", loc="center")


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


def runs(flags: BoolArray) -> Iterator[tuple[int, int]]:
    """Yield first and one past last of each run of true entries.

    Examples
    --------
    >>> import numpy as np
    >>> list(runs(np.array([True, True, False, True])))
    [(0, 2), (3, 4)]
    """
    steps = np.diff(np.concatenate([[False], np.asarray(flags, dtype=bool), [False]]).astype(int))
    for first, last in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        yield int(first), int(last)


def spans(masked: BoolArray, edges: FloatArray) -> Iterator[tuple[float, float]]:
    """Yield the low and high edge of each run of masked bins."""
    for first, last in runs(masked):
        yield float(edges[first]), float(edges[last])


def per_bin(edges: FloatArray, unit: str = "GeV") -> str:
    """Return the label of a count axis: events per bin, with the bin width.

    Examples
    --------
    >>> import numpy as np
    >>> per_bin(np.array([0.0, 50.0, 100.0])), per_bin(np.array([0.0, 50.0, 150.0]))
    ('Events / 50 GeV', 'Events / bin of 50–100 GeV')
    """
    widths = np.diff(edges)
    given = f" {plain(unit)}" if unit else ""
    if np.ptp(widths) < 1e-6 * widths.max():
        return f"Events / {widths[0]:.3g}{given}"
    digits = 0 if widths.max() >= 100.0 else 2 - int(np.floor(np.log10(widths.max())))
    return f"Events / bin of {widths.min():.{digits}f}–{widths.max():.{digits}f}{given}"


def p_text(p: float) -> str:
    r"""Return a probability for a figure, with a power of ten where it is small.

    Examples
    --------
    >>> p_text(0.27), p_text(1.76e-23), p_text(0.0)
    ('0.27', '$1.8 \\times 10^{-23}$', '0')
    """
    if p == 0.0 or p >= 0.00095:
        return f"{p:.2g}"
    mantissa, exponent = f"{p:.1e}".split("e")
    return rf"${mantissa} \times 10^{{{int(exponent)}}}$"


def tail_probability(z: float) -> float:
    """Return the one-sided p-value of ``z`` standard deviations.

    Examples
    --------
    >>> f"{tail_probability(5.0):.3g}"
    '2.87e-07'
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))
