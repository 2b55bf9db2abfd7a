"""What the estimators of this room share with scikit-learn's, so that its pipelines and searches take them."""

from abc import abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from bumphunt.events import FloatArray
from bumphunt.scores.protocol import BoolArray, Features


class ScorerMixin:
    """Gives an estimator with an ``anomaly_score`` the names under which scikit-learn looks for one."""

    @abstractmethod
    def anomaly_score(self, features: Features) -> FloatArray:
        """Return one number per event, shape (events,); higher is more anomalous."""

    def score_samples(self, features: Features) -> FloatArray:
        """Return minus the anomaly score, shape (events,): scikit-learn's outlier detectors count **lower** as such."""
        return -np.asarray(self.anomaly_score(features), dtype=np.float64)


class BinaryClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc, unused-ignore]
    """A classifier of two samples from the log-odds of its members.

    A subclass defines ``fit`` and ``member_scores``, or ``anomaly_score``. The classes are false and true: in weak
    supervision two *regions of mjj*.

    Attributes
    ----------
    classes_ : numpy.ndarray
        False and true.
    """

    def member_scores(self, features: FloatArray) -> FloatArray:
        """Return the log-odds each member gives each event, shape (members, events)."""
        raise NotImplementedError(f"{type(self).__name__} has no members")

    def anomaly_score(self, features: FloatArray) -> FloatArray:
        """Return the mean log-odds of belonging to the positive class, shape (events,)."""
        return np.asarray(np.mean(self.member_scores(features), axis=0), dtype=np.float64)

    def decision_function(self, features: FloatArray) -> FloatArray:
        """Return the anomaly score, under the name that scikit-learn gives it."""
        return self.anomaly_score(features)

    def predict_proba(self, features: FloatArray) -> FloatArray:
        """Return the probabilities of the negative and the positive class, shape (events, 2)."""
        from scipy.special import expit

        score = self.anomaly_score(features)
        return np.stack([expit(-score), expit(score)], axis=1)

    def predict(self, features: FloatArray) -> BoolArray:
        """Return whether the positive class is the likelier one, shape (events,)."""
        return np.asarray(self.anomaly_score(features) > 0, dtype=bool)
