"""Random search for the settings of a supervised reference. For studies only.

scikit-learn draws the trials and splits the folds; this adds the metrics of the package and a result
that can be kept as JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result
from bumphunt.rng import integer_seed
from bumphunt.scores.protocol import Features
from bumphunt.scores.quality import check_metric, measure
from bumphunt.scores.supervised.trees import SupervisedClassifier, check_labelled

M = TypeVar("M", bound=SupervisedClassifier)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult(Result):
    """Trials of a hyperparameter search, in the order in which they were drawn.

    Attributes
    ----------
    parameters : tuple of dict
        Settings of each trial; those not searched are left out.
    scores : numpy.ndarray
        Metric on each held-out fold, shape (trials, folds); higher is better.
    metric : str
        Its name.
    best : int
        The trial with the best mean.
    """

    parameters: tuple[dict[str, Any], ...]
    scores: FloatArray
    metric: str
    best: int

    def __str__(self) -> str:
        chosen = ", ".join(f"{name} = {value}" for name, value in self.parameters[self.best].items())
        mean, spread = self.scores[self.best].mean(), self.scores[self.best].std(ddof=1)
        return (
            f"best of {len(self.parameters)} trials: {self.metric} {mean:.4f} ± {spread:.4f} over folds with {chosen}"
        )


def random_search(
    model: M,
    space: Mapping[str, Any],
    features: Features,
    truth: npt.ArrayLike,
    *,
    trials: int = 20,
    folds: int = 3,
    metric: str = "auc",
    seed: int = 0,
) -> tuple[M, SearchResult]:
    """Try settings drawn at random, each on all folds, and train the best on all events.

    Parameters
    ----------
    model : SupervisedClassifier
        Settings not in ``space`` are taken from it; it is not fitted itself.
    space : mapping of str to sequence or distribution
        For each setting its values, or anything with an ``rvs`` method such as a scipy.stats distribution.
    features, truth
        Labelled events, as for :meth:`SupervisedClassifier.fit`.
    trials : int
        Settings to try; all of them where ``space`` holds fewer.
    folds : int
        Folds of the events, stratified by truth; the same for every trial.
    metric : str
        One of :data:`bumphunt.scores.quality.METRICS`.
    seed : int
        Decides trials and folds; the same seed repeats the search.

    Returns
    -------
    model, result
        The best model, trained on all events, and all trials. The score of the best is biased upwards by the
        choice: quote it on events that were not searched on.

    Raises
    ------
    InputError
        As for the training; on an empty space, a setting the model does not have, fewer events of a
        class than folds, or an unknown metric.
    """
    matrix, signal = check_labelled(features, truth)
    check_metric(metric)
    unknown = sorted(set(space) - set(model.get_params()))
    if not space or unknown:
        raise InputError(
            f"cannot search {', '.join(unknown) or 'nothing'}; the settings are {', '.join(model.get_params())}"
        )
    fewest = int(min(signal.sum(), (~signal).sum()))
    if trials < 1 or not 2 <= folds <= fewest:
        raise InputError(
            f"{trials} trials on {folds} folds; give at least 1 trial, and 2 to {fewest} folds (events of a class)"
        )
    from sklearn.model_selection import ParameterGrid, RandomizedSearchCV, StratifiedKFold

    if all(isinstance(values, Sequence) for values in space.values()):
        trials = min(trials, len(ParameterGrid({name: list(values) for name, values in space.items()})))
    search = RandomizedSearchCV(
        clone(model),
        dict(space),
        n_iter=trials,
        scoring=lambda fitted, rows, labels: measure(metric, fitted.anomaly_score(rows), labels),
        cv=StratifiedKFold(folds, shuffle=True, random_state=integer_seed(seed, "search", "folds")),
        random_state=integer_seed(seed, "search", "trials"),
        error_score="raise",
    ).fit(matrix, signal)
    results = search.cv_results_
    return search.best_estimator_, SearchResult(
        parameters=tuple({name: _plain(value) for name, value in trial.items()} for trial in results["params"]),
        scores=np.stack([results[f"split{fold}_test_score"] for fold in range(folds)], axis=1),
        metric=metric,
        best=int(search.best_index_),
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
