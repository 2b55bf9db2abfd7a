"""How well scores tell signal from background, by truth: distributions, ROC, significance improvement."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, headroom, new_figure, plain, styled
from bumphunt.results import BoolArray, FloatArray

COLOURS = (RED, BLUE, GREEN, ORANGE, PURPLE, SKY, BLACK)


class Distribution(Protocol):
    """What :func:`score_distribution` draws, for example a ``ScoreDistribution``."""

    @property
    def edges(self) -> FloatArray:
        """Edges of the bins."""

    @property
    def signal(self) -> FloatArray:
        """Signal events per bin."""

    @property
    def background(self) -> FloatArray:
        """Background events per bin."""


class Roc(Protocol):
    """What :func:`roc` draws, for example a ``RocResult``."""

    @property
    def fpr(self) -> FloatArray:
        """Background efficiency."""

    @property
    def tpr(self) -> FloatArray:
        """Signal efficiency."""

    @property
    def auc(self) -> float:
        """Area under the curve."""


class Improvement(Protocol):
    """What :func:`significance_improvement` draws, for example a ``SicResult``."""

    @property
    def eff_s(self) -> FloatArray:
        """Signal efficiency."""

    @property
    def sic(self) -> FloatArray:
        """Significance improvement."""

    @property
    def band(self) -> FloatArray:
        """Its standard deviation."""

    @property
    def valid(self) -> BoolArray:
        """Where it may be quoted."""

    @property
    def n_background(self) -> int:
        """Background events of the test sample."""


@styled
def score_distribution(
    result: Distribution, *, label: str = "Anomaly score [arbitrary units]"
) -> tuple[Figure, tuple[Axes]]:
    """Draw the distributions of a score for signal and background, each normalised to one.

    Parameters
    ----------
    result : ScoreDistribution
        Histograms by truth; bars are statistical errors.
    label : str
        Name of the score with its unit, for the axis.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    centres = 0.5 * (result.edges[1:] + result.edges[:-1])
    seen = []
    for counts, text, colour in ((result.background, "Background", BLUE), (result.signal, "Signal", RED)):
        total = max(counts.sum(), 1.0)
        axes.stairs(
            counts / total, result.edges, color=colour, linewidth=1.6, label=f"{text} ({counts.sum():.0f} events)"
        )
        filled = counts > 0
        axes.errorbar(
            centres[filled], counts[filled] / total, yerr=np.sqrt(counts[filled]) / total, fmt="none", color=colour,
            linewidth=0.9,
        )  # fmt: skip
        seen.append((counts[filled] / total).min() if filled.any() else 1.0)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5 * min(seen))
    axes.set_xlabel(plain(label))
    axes.set_ylabel("Part of the events / bin")
    headroom(axes, 0.18)
    axes.legend(loc="upper center", ncols=2)
    return figure, (axes,)


@styled
def roc(results: Mapping[str, Roc]) -> tuple[Figure, tuple[Axes]]:
    """Draw signal against background efficiency of named scores, on a logarithmic background axis.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    lowest = 1.0
    for number, (name, result) in enumerate(results.items()):
        passing = result.fpr > 0
        lowest = min([lowest, *result.fpr[passing][:1]])
        axes.plot(
            result.fpr[passing],
            result.tpr[passing],
            color=COLOURS[number % len(COLOURS)],
            label=f"{plain(name)}: AUC {result.auc:.3f}",
        )
    chance = np.geomspace(min(lowest, 0.5), 1.0, 100)
    axes.plot(chance, chance, ":", color=GREY, linewidth=1.0, label="Chance")
    axes.set_xscale("log")
    axes.set_xlim(chance[0], 1.0)
    axes.set_ylim(0.0, 1.02)
    axes.set_xlabel("Background efficiency (false positive rate)")
    axes.set_ylabel("Signal efficiency (true positive rate)")
    axes.legend(loc="best")
    return figure, (axes,)


@styled
def significance_improvement(results: Mapping[str, Improvement]) -> tuple[Figure, tuple[Axes]]:
    """Draw the significance improvement of named scores with its band, only where it may be quoted.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    for number, (name, result) in enumerate(results.items()):
        colour = COLOURS[number % len(COLOURS)]
        eff, sic, band = result.eff_s[result.valid], result.sic[result.valid], result.band[result.valid]
        text = f"{plain(name)}: max {sic.max():.1f}" if len(sic) else f"{plain(name)}: test too small"
        axes.plot(eff, sic, color=colour, label=f"{text} ({result.n_background} background)")
        axes.fill_between(eff, sic - band, sic + band, color=colour, alpha=0.2, linewidth=0)
    axes.axhline(1.0, color=GREY, linestyle=":", linewidth=1.0, label="No cut")
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(r"Signal efficiency $\varepsilon_S$")
    axes.set_ylabel(r"Significance improvement $\varepsilon_S/\sqrt{\varepsilon_B}$")
    headroom(axes, 0.1)
    axes.legend(loc="best")
    return figure, (axes,)
