"""Supervised references: what the features can do where the truth is known.

**For studies only.** A supervised classifier on simulated events is the ceiling that weak supervision is
measured against. It takes an explicit array of truth; nothing on the way to an answer may import this
module. The network is in :mod:`bumphunt.scores.supervised.networks`.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.scores.estimators import BinaryClassifier
from bumphunt.scores.persistence import load_learned, save_learned
from bumphunt.scores.protocol import Features, check_features
from bumphunt.scores.trees import BoostedTrees

BoolArray = npt.NDArray[np.bool_]

MIN_EVENTS = 10
"""Events of either class below which no classifier is trained."""


class SupervisedClassifier(BinaryClassifier, ABC):
    """What the supervised references share; use one of its subclasses.

    Attributes
    ----------
    n_features_in_ : int
        Features per event.
    """

    n_features_in_: int

    def fit(self, features: Features, truth: npt.ArrayLike) -> Self:
        """Train on labelled events.

        Parameters
        ----------
        features : array_like or pandas.DataFrame
            Shape (events, features), without the truth.
        truth : array_like
            Shape (events,), true or 1 for signal, false or 0 for background.

        Raises
        ------
        InputError
            On NaN, a constant feature, truth of one class or neither 0 nor 1, or fewer than 10 events of a class.
        TruthError
            On a table with a truth column.
        ConfigError
            On a setting out of range.
        """
        matrix, signal = check_labelled(features, truth)
        self._train(matrix, signal)
        self.n_features_in_ = matrix.shape[1]
        self.classes_ = np.array([False, True])
        return self

    def anomaly_score(self, features: Features) -> FloatArray:
        """Return the log-odds of being signal, shape (events,); higher is more signal-like."""
        if not hasattr(self, "n_features_in_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")
        return self._log_odds(check_features(features, width=self.n_features_in_))

    def probability(self, features: Features) -> FloatArray:
        """Return the probability of being signal, shape (events,), for classes of the weights trained with."""
        from scipy.special import expit

        return np.asarray(expit(self.anomaly_score(features)), dtype=np.float64)

    @abstractmethod
    def _train(self, features: FloatArray, signal: BoolArray) -> None: ...

    @abstractmethod
    def _log_odds(self, features: FloatArray) -> FloatArray: ...


class _Trees(SupervisedClassifier):
    """Files of the tree references: what was learned and the settings it was learned with."""

    def save(self, path: str | Path) -> None:
        """Write the trained classifier to a ``.skops`` file, without pickle."""
        if not hasattr(self, "n_features_in_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")
        save_learned(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is not of this kind of classifier.
        """
        return load_learned(cls, path, members=(BoostedTrees,))


class DecisionTree(_Trees):
    """A single decision tree: the simplest reference, and one that can be read. For studies only.

    Parameters
    ----------
    max_depth : int
        Questions asked of an event, at most.
    min_samples_leaf : int
        Training events in each final box, at least.
    balanced : bool
        Give both classes the same total weight.
    seed : int
        Decides between questions that are equally good.

    Attributes
    ----------
    tree_ : sklearn.tree.DecisionTreeClassifier
        The trained tree.

    Notes
    -----
    The probability of a box with *n* events, of which a (weighted) part *f* is signal, is (n f + 1)/(n + 2): a
    box that happened to be pure is not certain, and its log loss stays finite.
    """

    def __init__(self, *, max_depth: int = 6, min_samples_leaf: int = 20, balanced: bool = True, seed: int = 0) -> None:
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.balanced = balanced
        self.seed = seed

    def _train(self, features: FloatArray, signal: BoolArray) -> None:
        from sklearn.tree import DecisionTreeClassifier

        if self.max_depth < 1 or self.min_samples_leaf < 1:
            raise ConfigError(f"max_depth {self.max_depth} and min_samples_leaf {self.min_samples_leaf} must be >= 1")
        self.tree_ = DecisionTreeClassifier(
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            class_weight="balanced" if self.balanced else None,
            random_state=self.seed,
        ).fit(features, signal)

    def _log_odds(self, features: FloatArray) -> FloatArray:
        tree = self.tree_.tree_
        box = self.tree_.apply(features)
        number, part = tree.n_node_samples[box].astype(np.float64), tree.value[box, 0, 1]
        return np.asarray(np.log(number * part + 1.0) - np.log(number * (1.0 - part) + 1.0))


class SupervisedTrees(_Trees):
    """Boosted trees, :class:`~bumphunt.scores.trees.BoostedTrees`, trained on truth. For studies only.

    Parameters
    ----------
    members, max_iter, learning_rate, max_leaf_nodes, min_samples_leaf, l2_regularization, max_bins
        As in :class:`~bumphunt.scores.trees.BoostedTrees`.
    balanced : bool
        Give both classes the same total weight.
    seed : int
        Seed of the ensemble.

    Attributes
    ----------
    ensemble_ : BoostedTrees
        The trained ensemble.
    """

    def __init__(
        self,
        *,
        members: int = 2,
        max_iter: int = 100,
        learning_rate: float = 0.1,
        max_leaf_nodes: int = 16,
        min_samples_leaf: int = 40,
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        balanced: bool = True,
        seed: int = 0,
    ) -> None:
        self.members = members
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.balanced = balanced
        self.seed = seed

    def _train(self, features: FloatArray, signal: BoolArray) -> None:
        if self.members < 1 or self.max_iter < 1 or not self.learning_rate > 0:
            raise ConfigError(
                f"members {self.members}, max_iter {self.max_iter} and learning_rate {self.learning_rate:g} "
                "must all be positive"
            )
        part = signal.mean()
        weights = np.where(signal, 0.5 / part, 0.5 / (1.0 - part)) if self.balanced else None
        settings = self.get_params()
        del settings["balanced"]
        self.ensemble_ = BoostedTrees(**settings).fit(features, signal, weights=weights)

    def _log_odds(self, features: FloatArray) -> FloatArray:
        return self.ensemble_.anomaly_score(features)


def check_labelled(features: Features, truth: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Return the features as a matrix and the truth as flags of signal, both fit to train on.

    Parameters
    ----------
    features, truth
        As for :meth:`SupervisedClassifier.fit`.

    Raises
    ------
    InputError, TruthError
        As for :meth:`SupervisedClassifier.fit`.

    Examples
    --------
    >>> import numpy as np
    >>> matrix, signal = check_labelled(np.arange(20.0)[:, None], np.arange(20) % 2)
    >>> int(signal.sum())
    10
    """
    matrix = check_features(features)
    labels = np.asarray(truth)
    if labels.shape != (len(matrix),):
        raise InputError(f"truth has shape {labels.shape}; give one entry for each of {len(matrix)} events")
    if not np.isin(labels, (0, 1)).all():
        raise InputError("truth has values that are neither 0 nor 1; give 1 for signal and 0 for background")
    signal = labels.astype(bool)
    number = int(signal.sum())
    if number in (0, len(signal)):
        raise InputError(f"all {len(signal)} training events are of one class; give signal and background")
    if min(number, len(signal) - number) < MIN_EVENTS:
        raise InputError(
            f"{number} signal and {len(signal) - number} background events are too few to train on; "
            f"give at least {MIN_EVENTS} of each"
        )
    constant = np.flatnonzero(matrix.min(axis=0) == matrix.max(axis=0))
    if len(constant):
        column = int(constant[0])
        name = features.columns[column] if isinstance(features, pd.DataFrame) else f"x{column}"
        raise InputError(
            f"feature {str(name)!r} is constant ({matrix[0, column]:g}) and carries no information; leave it out"
        )
    return matrix, signal
