"""Boosted decision trees: a small ensemble of histogram gradient boosting, the default classifier."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from bumphunt.errors import ConfigError, InputError
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
    "max_bins",
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
    max_bins : int
        Bins of equal numbers of events, 2 to 255, into which each feature is divided. Few bins are what makes weak
        supervision strong: where the signal is one event in hundreds, most of what finer bins offer to learn is
        noise (``analysis/cwola_quality.py``).
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
    edges_ : list of numpy.ndarray
        Inner bin edges of each feature.
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
        max_bins: int = 32,
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
        self.max_bins = max_bins
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
        # binned here once: the library would find weighted quantiles anew for each member, at a third of the cost
        self.edges_ = _bin_edges(features, self.max_bins)
        features = self.binned(features)
        if validation is not None:
            validation = replace(validation, features=self.binned(validation.features))
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
                max_bins=255,
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
        features = self.binned(features)
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
                "edges": list(self.edges_),
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
        model.edges_ = list(stored["edges"])
        return model

    def binned(self, features: FloatArray) -> FloatArray:
        """Return the number of each feature's bin, as the members see it, shape (events, features)."""
        rows = np.asarray(features, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.edges_):
            raise InputError(f"features have shape {rows.shape}; the trees were trained on {len(self.edges_)} features")
        columns = [np.searchsorted(edges, column) for edges, column in zip(self.edges_, rows.T, strict=True)]
        return np.stack(columns, axis=1).astype(np.float64)

    def _best_steps(self, classifier: Any, validation: Validation) -> int:
        values = [
            criterion_value(self.criterion, score, validation)
            for score in classifier.staged_decision_function(validation.features)
        ]
        return int(np.argmin(values)) + 1

    def _check_fitted(self) -> None:
        if not hasattr(self, "classifiers_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")


def _bin_edges(features: FloatArray, bins: int) -> list[FloatArray]:
    """Return the inner edges of bins with equal numbers of events for each feature; equal edges are one."""
    if not 2 <= bins <= 255:
        raise ConfigError(f"max_bins is {bins}; give 2 to 255")
    probabilities = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    return [np.unique(np.quantile(column, probabilities)) for column in features.T]


def _after(classifier: Any, features: FloatArray, steps: int) -> FloatArray:
    """Return the log-odds after the first so many boosting steps."""
    stage = next(islice(classifier.staged_decision_function(features), steps - 1, None))
    return np.asarray(stage, dtype=np.float64)
