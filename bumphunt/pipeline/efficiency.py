"""How likely an event that is in no file would have been selected: the efficiency of the primary score for signal."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from bumphunt.events import drop_truth
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, make_classifier, training_sample
from bumphunt.results import FloatArray
from bumphunt.scores.weak_supervision import fold_models
from bumphunt.selection import select_fraction

Selection = Callable[[pd.DataFrame], FloatArray]
"""Events -> the probability that each is selected, shape (events,)."""


def selection_probability(
    search: Search, task: WindowTask, outcome: WindowOutcome, *, fraction: float, threads: int = 1
) -> Selection | None:
    """Return the probability that new events pass a cut of a window, averaged over the models of its folds.

    An event of the file is scored by the one model that has not seen it. A simulated event has been seen by none, so
    each model's verdict counts, at the threshold of its own fold: what an event in a random fold would meet. The models
    are trained anew, with the seeds of the search, and are the same.

    Parameters
    ----------
    search, task, outcome
        The search, and the window with its scores.
    fraction : float
        The cut.
    threads : int
        Folds trained side by side.

    Returns
    -------
    callable or None
        None where the score of a fold is not that of one classifier (``cwola.nested``, ``cwola.average: rank``).
    """
    settings = task.config.cwola
    if settings.nested or settings.average != "score":
        return None
    sample, folds = training_sample(task), outcome.folds
    models = fold_models(
        task.features,
        sample.region,
        sample.weights,
        folds,
        make_classifier=lambda fold: make_classifier(task, fold),
        threads=threads,
    )
    selected = select_fraction(outcome.score.astype(np.float64), folds, fraction=fraction)
    thresholds = {
        fold: float(model.anomaly_score(task.features[selected & (folds == fold)]).min())
        for fold, model in models.items()
    }

    def probability(table: pd.DataFrame) -> FloatArray:
        rows = search.score_features(drop_truth(table))
        passes = [model.anomaly_score(rows) >= thresholds[fold] for fold, model in models.items()]
        return np.asarray(np.mean(passes, axis=0), dtype=np.float64)

    return probability
