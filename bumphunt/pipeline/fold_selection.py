"""Simulated signal through the selection that the data passed: every fold's model with that fold's threshold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.events import FEATURES, drop_truth
from bumphunt.masses.acceptance import Select
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, make_classifier, training_sample
from bumphunt.scores.weak_supervision import fold_models

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Scorer(Protocol):
    """A fitted classifier of one fold."""

    def anomaly_score(self, features: FloatArray) -> FloatArray:
        """Return one number an event, higher is more anomalous."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldSelection:
    """The fold models of a window and the scores they gave the events they had not seen.

    Parameters
    ----------
    models : sequence of Scorer
        One a fold, in the order of the folds.
    held_out : sequence of arrays
        Raw scores of each fold's own events by its model, any order.
    features : callable
        Event table -> features as the models were trained on, shape (events, features); mjj in GeV is a column of it.
    """

    models: Sequence[Scorer]
    held_out: Sequence[FloatArray]
    features: Callable[[pd.DataFrame], FloatArray]

    def at(self, fraction: float) -> Select:
        """Return the selection of the most anomalous ``fraction``: the mean over folds of passing that fold's cut."""
        thresholds = [float(np.quantile(scores, 1.0 - fraction)) for scores in self.held_out]

        def passes(table: pd.DataFrame) -> FloatArray:
            features = self.features(table)
            passed = [
                model.anomaly_score(features) > threshold
                for model, threshold in zip(self.models, thresholds, strict=True)
            ]
            return np.asarray(np.mean(passed, axis=0), dtype=np.float64)

        return passes


def fold_selection(
    models: Sequence[Scorer],
    *,
    trained_on: FloatArray,
    folds: IntArray,
    features: Callable[[pd.DataFrame], FloatArray],
) -> FoldSelection:
    """Score every fold's events by its model and keep what :class:`FoldSelection` needs.

    Parameters
    ----------
    models : sequence of Scorer
        One a fold; that of fold k was trained without its events.
    trained_on : array of shape (events, features)
        Features of all searched events.
    folds : int array of shape (events,)
        Fold of each.
    features : callable
        As in :class:`FoldSelection`.
    """
    held_out = [model.anomaly_score(trained_on[folds == fold]) for fold, model in enumerate(models)]
    return FoldSelection(models=models, held_out=held_out, features=features)


def window_selection(
    search: Search, task: WindowTask, outcome: WindowOutcome, *, threads: int = 1
) -> FoldSelection | None:
    """Return what a window's score does to events that are in no file, such as simulated signal.

    An event of the file is scored by the one model that has not seen it. A simulated event has been seen by none, so
    each model's verdict counts: what an event in a random fold would meet. The models are trained anew, with the
    seeds of the search, and are the same.

    Parameters
    ----------
    search, task, outcome
        The search, and the window with its scores.
    threads : int
        Folds trained side by side.

    Returns
    -------
    FoldSelection or None
        None where the score of a fold is not that of one classifier (``cwola.nested``, ``cwola.average: rank``), or
        sees a column that simulated signal does not have.
    """
    settings = task.config.cwola
    if settings.nested or settings.average != "score" or not set(search.features) <= set(FEATURES):
        return None
    sample = training_sample(task)
    models = fold_models(
        task.features,
        sample.region,
        sample.weights,
        outcome.folds,
        make_classifier=lambda fold: make_classifier(task, fold),
        threads=threads,
    )
    return fold_selection(
        [models[fold] for fold in sorted(models)],
        trained_on=task.features,
        folds=outcome.folds,
        features=lambda table: search.score_features(drop_truth(table)),
    )
