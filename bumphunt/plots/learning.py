"""How training went: quality against the number of training events, loss against the epoch."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from bumphunt.plots.importance import METRICS
from bumphunt.plots.style import BLACK, BLUE, GREY, RED, new_figure, plain, styled
from bumphunt.results import FloatArray


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


@styled
def learning_curve(result: Curve) -> tuple[Figure, tuple[Axes]]:
    """Draw a metric against the number of training events: mean as a line, spread of the trainings as a band.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(3.8)
    axes = figure.add_subplot()
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
    axes.legend(loc="best")
    return figure, (axes,)


@styled
def classifier_history(history: Mapping[str, FloatArray]) -> tuple[Figure, tuple[Axes]]:
    """Draw training and validation loss of a classifier per epoch, and mark the epoch that was kept.

    Parameters
    ----------
    history : mapping of str to numpy.ndarray
        ``loss`` and ``validation_loss``, each of shape (epochs,).

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    held_out = history["validation_loss"]
    epochs = np.arange(1, len(held_out) + 1)
    axes.plot(epochs, history["loss"], "--", color=BLUE, label="Training, with dropout")
    axes.plot(epochs, held_out, "-", color=RED, label="Validation")
    best = int(np.argmin(held_out))
    axes.axvline(epochs[best], color=GREY, linewidth=0.8, linestyle=":")
    axes.plot(epochs[best], held_out[best], "o", color=BLACK, markersize=4, label=f"Kept: epoch {epochs[best]}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.set_xlabel("Epoch [passes over the training events]")
    axes.set_ylabel("Loss per event [nats]")
    axes.legend(loc="best")
    return figure, (axes,)
