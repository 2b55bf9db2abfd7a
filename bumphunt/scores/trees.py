"""Boosted decision trees: a small ensemble of histogram gradient boosting, the default classifier."""

from typing import Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


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
    ) -> None:
        self.members = members
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.subsample = subsample
        self.seed = seed

    def fit(self, features: FloatArray, positive: BoolArray, *, weights: FloatArray | None = None) -> Self:
        """Train on ``features`` (events, features) to find the events flagged ``positive`` (events,).

        Raises
        ------
        InputError
            If there is only one class, or NaN among the features.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        positive = np.asarray(positive, dtype=bool)
        if positive.all() or not positive.any():
            raise InputError(
                f"all {len(positive)} training events are of one class; "
                "a classifier needs events in the signal region and in the sidebands"
            )
        if not np.isfinite(features).all():
            raise InputError("NaN or infinity among the training features; remove or repair those events")
        sample = np.ones(len(positive)) if weights is None else np.asarray(weights, dtype=np.float64)
        self.classifiers_ = []
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
            self.classifiers_.append(classifier)
        return self

    def anomaly_score(self, features: FloatArray) -> FloatArray:
        """Return the mean log-odds of belonging to the positive class, shape (events,)."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            scores = [classifier.decision_function(features) for classifier in self.classifiers_]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)
