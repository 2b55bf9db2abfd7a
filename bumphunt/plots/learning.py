"""How training went and what it used: losses per epoch, quality against training events, weight of each feature."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from bumphunt.plots.marks import FEATURES
from bumphunt.plots.style import BLACK, BLUE, GREY, RED, legend_above, one_panel, plain
from bumphunt.results import FloatArray, TrainingHistory

METRICS = {"auc": "AUC", "max_sic": "max SIC", "neg_log_loss": "log loss"}


class Importance(Protocol):
    """What is drawn, for example an ``ImportanceResult``."""

    @property
    def names(self) -> Sequence[str]:
        """Features."""

    @property
    def mean(self) -> FloatArray:
        """Mean fall of the metric."""

    @property
    def spread(self) -> FloatArray:
        """Standard deviation over repeats."""

    @property
    def reference(self) -> float:
        """The metric with nothing shuffled."""

    @property
    def metric(self) -> str:
        """Its name."""

    @property
    def repeats(self) -> int:
        """Shuffles of each feature."""


class Curve(Protocol):
    """What is drawn, for example a ``LearningCurve``."""

    @property
    def sizes(self) -> npt.NDArray[Any]:
        """Training events."""

    @property
    def test(self) -> FloatArray:
        """Metric on the test sample, shape (sizes, repeats)."""

    @property
    def training(self) -> FloatArray:
        """Metric on the events trained on, shape (sizes, repeats)."""

    @property
    def metric(self) -> str:
        """Its name."""

    @property
    def n_signal(self) -> int:
        """Signal events in the test sample."""

    @property
    def n_background(self) -> int:
        """Background events in the test sample."""


def learning_curve(result: Curve, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw a metric against the number of training events: mean as a line, spread of the trainings as a band.

    Parameters
    ----------
    result : LearningCurve
        Metric of training and test events by size.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 3.8)
    sign = -1.0 if result.metric == "neg_log_loss" else 1.0
    lines = ((result.training, "Events trained on", BLUE, "o--"), (result.test, "Test events", RED, "s-"))
    for values, text, colour, form in lines:
        mean, spread = sign * values.mean(axis=1), values.std(axis=1, ddof=1)
        axes.plot(result.sizes, mean, form, markersize=4, color=colour, label=text)
        axes.fill_between(result.sizes, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(result.sizes, labels=[f"{size:,}" for size in result.sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Training events")
    axes.set_ylabel(f"{METRICS.get(result.metric, plain(result.metric))} [dimensionless]")
    axes.set_title(
        f"Band: spread of {result.test.shape[1]} trainings; test of {result.n_signal} signal, "
        f"{result.n_background} background"
    )
    legend_above(figure, axes, own=ax is None, columns=3)
    return figure, axes


def classifier_history(result: Mapping[str, FloatArray], *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw training and validation loss of a classifier per epoch, and mark the epoch that was kept.

    Parameters
    ----------
    result : mapping of str to numpy.ndarray
        ``loss`` and ``validation_loss``, each of shape (epochs,).
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 3.6)
    held_out = result["validation_loss"]
    epochs = np.arange(1, len(held_out) + 1)
    axes.plot(epochs, result["loss"], "--", color=BLUE, label="Training, with dropout")
    axes.plot(epochs, held_out, "-", color=RED, label="Validation")
    best = int(np.argmin(held_out))
    axes.axvline(epochs[best], color=GREY, linewidth=0.8, linestyle=":")
    axes.plot(epochs[best], held_out[best], "o", color=BLACK, markersize=4, label=f"Kept: epoch {epochs[best]}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.set_xlabel("Epoch [passes over the training events]")
    axes.set_ylabel("Loss per event [nats]")
    legend_above(figure, axes, own=ax is None, columns=3)
    return figure, axes


def training(result: TrainingHistory, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw the loss and its reconstruction and KL parts per epoch, on a logarithmic axis where all are positive.

    Parameters
    ----------
    result : TrainingHistory
        Losses by epoch.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    figure, axes
    """
    figure, axes = one_panel(ax, 3.6)
    curves = (
        (result.loss, "Total", BLACK, "-"),
        (result.reconstruction, "Reconstruction", BLUE, "--"),
        (result.kl, "Kullback–Leibler", RED, "-."),
    )
    for values, text, colour, dashes in curves:
        axes.plot(np.arange(1, len(values) + 1), values, dashes, color=colour, label=text)
    everything = np.concatenate([values for values, *_ in curves])
    if len(everything) and np.all(everything[np.isfinite(everything)] > 0):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.set_xlabel("Epoch [passes over the training events]")
    axes.set_ylabel("Loss per event [dimensionless]")
    legend_above(figure, axes, own=ax is None, columns=3)
    return figure, axes


def importance(result: Importance, *, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """Draw one horizontal bar per feature, the most important on top, with the spread over repeats.

    Parameters
    ----------
    result : Importance
        Means and spreads by feature.
    ax : Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    figure, axes
    """
    order = np.argsort(-result.mean, kind="stable")
    figure, axes = one_panel(ax, 1.1 + 0.34 * len(order))
    axes.barh(np.arange(len(order)), result.mean[order], height=0.62, color=BLUE, alpha=0.85)
    axes.errorbar(
        result.mean[order], np.arange(len(order)), xerr=result.spread[order], fmt="none", color=BLACK, capsize=2.5
    )
    axes.axvline(0.0, color=BLACK, linewidth=0.9)
    axes.set_yticks(range(len(order)), [FEATURES.get(result.names[i], plain(result.names[i])) for i in order])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(order) - 0.4, -0.6)
    name = METRICS.get(result.metric, plain(result.metric))
    change, unit = ("Rise", "nats") if result.metric == "neg_log_loss" else ("Fall", "dimensionless")
    axes.set_xlabel(f"{change} of {name} when shuffled [{unit}]")
    axes.set_title(f"{name} = {abs(result.reference):.3f} unshuffled; mean and spread of {result.repeats} shuffles")
    return figure, axes
