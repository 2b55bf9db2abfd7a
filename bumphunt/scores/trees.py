"""Boosted decision trees: a small ensemble of histogram gradient boosting, the default classifier."""

from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.scores.persistence import load_estimator, save_estimator
from bumphunt.scores.protocol import BoolArray, Validation, check_training
from bumphunt.scores.stopping import check_criterion, criterion_value

_PARAMETERS = (
    "members",
    "max_iter",
    "learning_rate",
    "max_leaf_nodes",
    "min_samples_leaf",
    "l2_regularization",
    "subsample",
    "seed",
    "criterion",
)


class BoostedTrees:
    """Ensemble of boosted trees that tells two samples apart.

    Members differ in their random seed and in the part of the events they see; their predicted
    probabilities are averaged. One thread is used: callers run many fits side by side, and
    histogram boosting stalls when its threads compete.

    Parameters
    ----------
    members : int
        Classifiers in the ensemble.
    max_iter, learning_rate, max_leaf_nodes, min_samples_leaf, l2_regularization
        As in :class:`sklearn.ensemble.HistGradientBoostingClassifier`.
    subsample : float
        Part of the events each member is trained on.
    seed : int
        Seed of the ensemble.
    criterion : {"argos", "log_loss"}
        What chooses the number of boosting steps where :meth:`fit` is given a validation sample; see
        :mod:`bumphunt.scores.stopping`. Neither knows truth.

    Attributes
    ----------
    classifiers_ : list of sklearn.ensemble.HistGradientBoostingClassifier
        The members.
    steps_ : list of int
        Boosting steps of each member that count.
    """

    def __init__(
        self,
        *,
        members: int = 2,
        max_iter: int = 80,
        learning_rate: float = 0.05,
        max_leaf_nodes: int = 16,
        min_samples_leaf: int = 40,
        l2_regularization: float = 1.0,
        subsample: float = 0.8,
        seed: int = 0,
        criterion: str = "argos",
    ) -> None:
        self.members = members
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.subsample = subsample
        self.seed = seed
        self.criterion = criterion

    def fit(
        self,
        features: FloatArray,
        positive: BoolArray,
        *,
        weights: FloatArray | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Train on ``features`` (events, features) to find the events flagged ``positive`` (events,).

        With ``validation`` each member keeps as many of its boosting steps as do best there.

        Raises
        ------
        TruthError
            If the truth column is among the features or given as the classes.
        InputError
            If there is only one class, or NaN among the features.
        ConfigError
            On an unknown criterion.
        """
        check_criterion(self.criterion)
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        features, positive, sample = check_training(features, positive, weights)
        if validation is not None:
            check_training(validation.features, validation.positive, validation.weights)
        self.classifiers_ = []
        self.steps_: list[int] = []
        for spawn in np.random.SeedSequence(self.seed).spawn(self.members):
            rng = np.random.default_rng(spawn)
            chosen = np.ones(len(positive), dtype=bool)
            if self.members > 1 and self.subsample < 1.0:
                chosen = rng.random(len(positive)) < self.subsample
            classifier = HistGradientBoostingClassifier(
                max_iter=self.max_iter,
                learning_rate=self.learning_rate,
                max_leaf_nodes=self.max_leaf_nodes,
                min_samples_leaf=self.min_samples_leaf,
                l2_regularization=self.l2_regularization,
                early_stopping=False,
                random_state=int(rng.integers(2**31)),
            )
            with threadpool_limits(limits=1):
                classifier.fit(features[chosen], positive[chosen], sample_weight=sample[chosen])
                steps = self.max_iter if validation is None else self._best_steps(classifier, validation)
            self.classifiers_.append(classifier)
            self.steps_.append(steps)
        return self

    def anomaly_score(self, features: FloatArray) -> FloatArray:
        """Return the mean log-odds of belonging to the positive class, shape (events,)."""
        return np.asarray(np.mean(self.member_scores(features), axis=0), dtype=np.float64)

    def member_scores(self, features: FloatArray) -> FloatArray:
        """Return the log-odds each member gives each event, shape (members, events)."""
        from threadpoolctl import threadpool_limits

        self._check_fitted()
        with threadpool_limits(limits=1):
            scores = [
                _after(classifier, features, steps) if steps < self.max_iter else classifier.decision_function(features)
                for classifier, steps in zip(self.classifiers_, self.steps_, strict=True)
            ]
        return np.asarray(scores, dtype=np.float64)

    def save(self, path: str | Path) -> None:
        """Write members and settings to a ``.skops`` file, without pickle."""
        self._check_fitted()
        save_estimator(
            {
                "kind": type(self).__name__,
                "parameters": {name: getattr(self, name) for name in _PARAMETERS},
                "steps": list(self.steps_),
                "classifiers": list(self.classifiers_),
            },
            path,
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is missing, damaged, or holds something else.
        """
        stored = load_estimator(path)
        if not isinstance(stored, dict) or stored.get("kind") != cls.__name__:
            raise InputError(f"{path}: holds no {cls.__name__}; load it as what it is")
        model = cls(**stored["parameters"])
        model.classifiers_, model.steps_ = list(stored["classifiers"]), list(stored["steps"])
        return model

    def _best_steps(self, classifier: Any, validation: Validation) -> int:
        values = [
            criterion_value(self.criterion, score, validation)
            for score in classifier.staged_decision_function(validation.features)
        ]
        return int(np.argmin(values)) + 1

    def _check_fitted(self) -> None:
        if not hasattr(self, "classifiers_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")


def _after(classifier: Any, features: FloatArray, steps: int) -> FloatArray:
    """Return the log-odds after the first so many boosting steps."""
    stage = next(islice(classifier.staged_decision_function(features), steps - 1, None))
    return np.asarray(stage, dtype=np.float64)
