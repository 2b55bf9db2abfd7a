"""A score that assumes something of signal: simulated signal of all masses against the data themselves.

Prior-assisted weak supervision (PAWS, arXiv:2405.08889; 2506.00119): the data stand for background, which they are but
for a few events in a thousand, and the classifier learns from data what background looks like and from simulation
what signal may look like. Which data lie in a signal region it is not told, and it scores only events that it has
not been trained on. No truth label of data exists here.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.scores.protocol import Classifier, check_features

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class PriorScore:
    """Log ratio of the densities of simulated signal and of data, by models that were trained on other folds.

    Parameters
    ----------
    make_classifier : callable
        Fold -> an untrained classifier with its own seed.
    most : int
        Events of data that a model is trained on, at most.
    threads : int
        Models that are trained side by side.

    Attributes
    ----------
    models_ : dict of int to Classifier
        The model of each fold, trained on all others.
    """

    def __init__(self, *, make_classifier: Callable[[int], Classifier], most: int = 300_000, threads: int = 1) -> None:
        self.make_classifier = make_classifier
        self.most = most
        self.threads = threads

    def fit(self, features: FloatArray, signal: FloatArray, *, folds: IntArray, rng: np.random.Generator) -> Self:
        """Learn what tells simulated signal from data.

        Parameters
        ----------
        features : array of shape (events, features)
            Data, in an order that their content decides: the file's order must not matter.
        signal : array of shape (simulated events, features)
            Simulated signal; it counts as much as the data.
        folds : int array of shape (events,)
            Fold of each event.
        rng : numpy.random.Generator
            Chooses events where there are more than ``most``.

        Raises
        ------
        InputError
            If shapes do not agree or there are fewer than two folds.
        """
        data, simulated = check_features(features), check_features(signal, width=np.shape(features)[1], name="signal")
        numbers = np.unique(folds)
        if len(folds) != len(data) or len(numbers) < 2:
            raise InputError(
                f"{len(data)} events have {len(folds)} fold numbers in {len(numbers)} folds; every event needs one, "
                "and at least 2 folds are needed, so that no event is scored by a model it trained"
            )
        trained_on = []
        for fold in numbers:
            rows = np.flatnonzero(folds != fold)
            if len(rows) > self.most:
                rows = np.sort(rng.choice(rows, size=self.most, replace=False))
            trained_on.append(rows)

        def train(fold: int, rows: IntArray) -> Classifier:
            positive = np.repeat([False, True], [len(rows), len(simulated)])
            weights = np.where(positive, len(rows) / len(simulated), 1.0)
            return self.make_classifier(fold).fit(np.concatenate([data[rows], simulated]), positive, weights=weights)

        folds_in_turn = [int(fold) for fold in numbers]
        with ThreadPoolExecutor(max_workers=self.threads) as pool:
            models = list(pool.map(train, folds_in_turn, trained_on))
        self.models_: dict[int, Classifier] = dict(zip(folds_in_turn, models, strict=True))
        return self

    def log_ratio(self, features: FloatArray, *, folds: IntArray) -> FloatArray:
        """Return the log ratio of signal to data of each event by the model of its own fold, shape (events,)."""
        if not hasattr(self, "models_"):
            raise InputError("PriorScore is not fitted; call fit first")
        return log_ratio(self.models_, features, folds=folds)


def log_ratio(models: Mapping[int, Classifier], features: FloatArray, *, folds: IntArray) -> FloatArray:
    """Return the score of each event by the model of its own fold, shape (events,)."""
    found = np.empty(len(features), dtype=np.float64)
    for fold in np.unique(folds):
        if int(fold) not in models:
            raise InputError(f"no model for fold {fold}; there are those of folds {sorted(models)}")
        rows = folds == fold
        found[rows] = models[int(fold)].anomaly_score(features[rows])
    return found
