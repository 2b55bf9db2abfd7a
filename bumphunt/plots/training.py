"""Loss of a network against the training epoch."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bumphunt.plots.style import BLACK, BLUE, RED, new_figure, styled
from bumphunt.results import TrainingHistory


@styled
def training(history: TrainingHistory) -> tuple[Figure, tuple[Axes]]:
    """Draw the loss and its reconstruction and KL parts per epoch, on a logarithmic axis where all are positive.

    Returns
    -------
    figure, (axes,)
    """
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    curves = (
        (history.loss, "Total", BLACK, "-"),
        (history.reconstruction, "Reconstruction", BLUE, "--"),
        (history.kl, "Kullback–Leibler", RED, "-."),
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
    axes.legend(loc="best")
    return figure, (axes,)
