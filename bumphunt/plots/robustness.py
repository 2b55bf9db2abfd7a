"""What adversarial training is worth on samples that differ from the one trained on."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.style import BLUE, RED, new_figure, plain, styled
from bumphunt.results import FloatArray


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


@styled
def robustness(result: Robustness) -> tuple[Figure, tuple[Axes, Axes]]:
    """Draw AUC and log loss on each sample, every training a point, without and with adversarial training.

    Returns
    -------
    figure, (AUC axes, log-loss axes)
    """
    figure = new_figure(1.3 + 0.5 * len(result.samples))
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(result.samples))
    panels = (
        (left, (result.auc_plain, result.auc_fgsm), "AUC [dimensionless]"),
        (right, (result.log_loss_plain, result.log_loss_fgsm), "Log loss [nats / event]"),
    )
    for axes, pair, text in panels:
        kinds = ("Plain", f"Adversarial, ε = {result.epsilon:g}")
        for values, name, colour, marker, offset in zip(pair, kinds, (BLUE, RED), "os", (-0.14, 0.14), strict=True):
            places = np.tile(rows + offset, len(values))
            axes.plot(values.ravel(), places, marker, color=colour, alpha=0.45, markersize=4, linestyle="none")
            axes.plot(np.median(values, axis=0), rows + offset, "|", color=colour, markersize=14, label=name)
        axes.set_xlabel(text)
        axes.tick_params(axis="y", which="both", left=False, right=False)
    left.set_yticks(rows, [plain(name) for name in result.samples])
    left.set_ylim(len(rows) - 0.4, -0.6)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure, (left, right)
