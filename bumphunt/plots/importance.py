"""How much a score loses when each feature is shuffled."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.style import BLACK, BLUE, new_figure, plain, styled
from bumphunt.results import FloatArray

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


@styled
def importance(result: Importance) -> tuple[Figure, tuple[Axes]]:
    """Draw one horizontal bar per feature, the most important on top, with the spread over repeats.

    Returns
    -------
    figure, (axes,)
    """
    order = np.argsort(-result.mean, kind="stable")
    figure = new_figure(1.1 + 0.34 * len(order))
    axes = figure.add_subplot()
    axes.barh(np.arange(len(order)), result.mean[order], height=0.62, color=BLUE, alpha=0.85)
    axes.errorbar(
        result.mean[order], np.arange(len(order)), xerr=result.spread[order], fmt="none", color=BLACK, capsize=2.5
    )
    axes.axvline(0.0, color=BLACK, linewidth=0.9)
    axes.set_yticks(range(len(order)), [plain(result.names[i]) for i in order])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(order) - 0.4, -0.6)
    name = METRICS.get(result.metric, plain(result.metric))
    change, unit = ("Rise", "nats") if result.metric == "neg_log_loss" else ("Fall", "dimensionless")
    axes.set_xlabel(f"{change} of {name} when shuffled [{unit}]")
    axes.set_title(f"{name} = {abs(result.reference):.3f} unshuffled; mean and spread of {result.repeats} shuffles")
    return figure, (axes,)
