"""How well scores tell signal from background, by truth: distributions, ROC, significance improvement."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    headroom,
    legend_above,
    one_panel,
    panels,
    plain,
)  # fmt: skip
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


def score_distribution(
    result: Distribution, *, ax: Axes | None = None, label: str = "Anomaly score [arbitrary units]"
) -> tuple[Figure, Axes]:
    """Draw the distributions of a score for signal and background, each normalised to one.

    Parameters
    ----------
    result : ScoreDistribution
        Histograms by truth; bars are exact (Garwood) 68 % intervals.
    ax : Axes, optional
        Where to draw; a new figure otherwise.
    label : str
        Name of the score with its unit, for the axis.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 3.8)
    seen = []
    for counts, text, colour in ((result.background, "Background", BLUE), (result.signal, "Signal", RED)):
        total = max(counts.sum(), 1.0)
        axes.stairs(
            counts / total, result.edges, color=colour, linewidth=1.6, label=f"{text} ({counts.sum():.0f} events)"
        )
        filled = counts > 0
        garwood_bars(axes, counts, result.edges, scale=1.0 / total, color=colour, linewidth=0.9)
        seen.append((counts[filled] / total).min() if filled.any() else 1.0)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5 * min(seen))
    axes.set_xlabel(plain(label))
    axes.set_ylabel("Part of the events / bin")
    headroom(axes, 0.18)
    axes.legend(loc="upper center", ncols=2)
    return figure, axes


def roc(result: Mapping[str, Roc], *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw signal against background efficiency of named scores, on a logarithmic background axis.

    Parameters
    ----------
    result : mapping of str to Roc
        Curves by the name of the score.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.2)
    lowest = 1.0
    for number, (name, one) in enumerate(result.items()):
        passing = one.fpr > 0
        lowest = min([lowest, *one.fpr[passing][:1]])
        axes.plot(
            one.fpr[passing],
            one.tpr[passing],
            color=COLOURS[number % len(COLOURS)],
            label=f"{plain(name)}: AUC {one.auc:.3f}",
        )
    chance = np.geomspace(min(lowest, 0.5), 1.0, 100)
    axes.plot(chance, chance, ":", color=GREY, linewidth=1.0, label="Chance")
    axes.set_xscale("log")
    axes.set_xlim(chance[0], 1.0)
    axes.set_ylim(0.0, 1.02)
    axes.set_xlabel("Background efficiency (false positive rate)")
    axes.set_ylabel("Signal efficiency (true positive rate)")
    if len(result) > 3:  # no corner of the panel has room for them
        legend_above(figure, axes, own=ax is None, columns=2)
    else:
        axes.legend(loc="best")
    return figure, axes


def significance_improvement(result: Mapping[str, Improvement], *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the significance improvement of named scores with its band, only where it may be quoted.

    Parameters
    ----------
    result : mapping of str to SignificanceImprovement
        Curves by the name of the score.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 4.2)
    for number, (name, one) in enumerate(result.items()):
        colour = COLOURS[number % len(COLOURS)]
        eff, sic, band = one.eff_s[one.valid], one.sic[one.valid], one.band[one.valid]
        text = f"{plain(name)}: max {sic.max():.1f}" if len(sic) else f"{plain(name)}: test too small"
        axes.plot(eff, sic, color=colour, label=f"{text} ({one.n_background} background)")
        axes.fill_between(eff, sic - band, sic + band, color=colour, alpha=0.2, linewidth=0)
    axes.axhline(1.0, color=GREY, linestyle=":", linewidth=1.0, label="No cut")
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(r"Signal efficiency $\varepsilon_S$")
    axes.set_ylabel(r"Significance improvement $\varepsilon_S/\sqrt{\varepsilon_B}$")
    headroom(axes, 0.1)
    axes.legend(loc="best")
    return figure, axes


class Robustness(Protocol):
    """What is drawn, for example a ``RobustnessResult``; arrays of shape (trainings, samples)."""

    @property
    def samples(self) -> Sequence[str]:
        """Names of the test samples."""

    @property
    def epsilon(self) -> float:
        """Size of the adversarial shift."""

    @property
    def auc_plain(self) -> FloatArray:
        """AUC without adversarial training."""

    @property
    def auc_fgsm(self) -> FloatArray:
        """AUC with it."""

    @property
    def log_loss_plain(self) -> FloatArray:
        """Log loss without adversarial training."""

    @property
    def log_loss_fgsm(self) -> FloatArray:
        """Log loss with it."""


def robustness(result: Robustness, *, ax: Sequence[Axes] | None = None) -> tuple[Figure, tuple[Axes, ...]]:
    """Draw AUC and log loss on each sample, every training a point, without and with adversarial training.

    Parameters
    ----------
    result : Robustness
        Metrics by sample and training.
    ax : sequence of two Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    figure, (AUC axes, log-loss axes)
    """
    figure, (left, right) = panels(ax, 2, 1.3 + 0.5 * len(result.samples), nrows=1, ncols=2, sharey=True)
    rows = np.arange(len(result.samples))
    drawn = (
        (left, (result.auc_plain, result.auc_fgsm), "AUC [dimensionless]"),
        (right, (result.log_loss_plain, result.log_loss_fgsm), "Log loss [nats / event]"),
    )
    for axes, pair, text in drawn:
        kinds = ("Plain", f"Adversarial, ε = {result.epsilon:g}")
        for values, name, colour, marker, offset in zip(pair, kinds, (BLUE, RED), "os", (-0.14, 0.14), strict=True):
            places = np.tile(rows + offset, len(values))
            axes.plot(values.ravel(), places, marker, color=colour, alpha=0.45, markersize=4, linestyle="none")
            axes.plot(np.median(values, axis=0), rows + offset, "|", color=colour, markersize=14, label=name)
        axes.set_xlabel(text)
        axes.tick_params(axis="y", which="both", left=False, right=False)
    left.set_yticks(rows, [plain(name) for name in result.samples])
    left.set_ylim(len(rows) - 0.4, -0.6)
    legend_above(figure, left, own=ax is None, columns=2)
    return figure, (left, right)
