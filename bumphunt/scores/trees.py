"""Boosted decision trees: a small ensemble of histogram gradient boosting, the default classifier."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.scores.cells import Cells, bin_edges, bin_numbers
from bumphunt.scores.estimators import BinaryClassifier
from bumphunt.scores.persistence import load_learned, save_learned
from bumphunt.scores.protocol import BoolArray, Validation, check_training
from bumphunt.scores.stopping import check_criterion, criterion_value


class BoostedTrees(BinaryClassifier):
    """Ensemble of boosted trees that separates two samples of events.

    Members differ in the part of the events they see; their log-odds are averaged. The trees are grown by XGBoost
    (arXiv:1603.02754) leaf by leaf on the cells of :mod:`bumphunt.scores.cells`, on one thread: callers run
    many fits side by side, and answers do not depend on how many.

    Parameters
    ----------
    members : int
        Classifiers in the ensemble; one alone sees all events and leaves nothing to chance.
    max_iter : int
        Trees of a member.
    learning_rate : float
        Step of boosting.
    max_leaf_nodes : int
        Leaves of a tree, at most.
    min_samples_leaf : int
        Training events in a leaf, at least, counted by weight (of mean 1) and, in events that are classified with
        some certainty, for less: a leaf's sum of w p (1 - p) must be a quarter of this.
    l2_regularization : float
        Penalty on leaf values.
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
    boosters_ : list of xgboost.Booster
        The members.
    steps_ : list of int
        Trees of each member.
    edges_ : tuple of numpy.ndarray
        Inner bin edges of each feature.
    n_features_in_ : int
        Features per event.
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
            On an unknown criterion or a setting out of range.
        """
        check_criterion(self.criterion)
        features, positive, sample = check_training(features, positive, weights)
        if validation is not None:
            check_training(validation.features, validation.positive, validation.weights)
        self._train(self.prepare(features), positive, sample, validation)
        return self

    def prepare(self, features: FloatArray, trains: BoolArray | None = None) -> Cells:
        """Return what all trainings on these events share: bins of equal numbers of those that train, and cells."""
        matrix = np.asarray(features, dtype=np.float64)
        edges = bin_edges(matrix, self.max_bins, events=trains)
        return Cells.of(matrix, edges, max_bins=self.max_bins)

    def fit_and_score(
        self, cells: Cells, positive: BoolArray, weights: FloatArray, events: BoolArray
    ) -> tuple[FloatArray, npt.NDArray[np.integer]]:
        """Train on events sorted into cells, not on those of weight 0, and score those flagged.

        Returns log-odds by member of all cells, (members, cells), and the cell of each event flagged: training has
        scored the cells on the way.
        """
        return self._train(cells, positive, weights, None), cells.cell[events]

    def member_scores(self, features: FloatArray) -> FloatArray:
        """Return the log-odds each member gives each event, shape (members, events)."""
        self._check_fitted()
        return self._log_odds(self.binned(features))

    def save(self, path: str | Path) -> None:
        """Write members and settings to a ``.skops`` file, without pickle."""
        self._check_fitted()
        save_learned(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is missing, damaged, or holds something else.
        """
        return load_learned(cls, path)

    def binned(self, features: FloatArray) -> npt.NDArray[np.float32]:
        """Return the number of each feature's bin, as the members see it, shape (events, features)."""
        self._check_fitted()
        return bin_numbers(features, self.edges_).astype(np.float32)

    def _train(
        self, cells: Cells, positive: BoolArray, weights: FloatArray, validation: Validation | None
    ) -> FloatArray:
        """Train the members; return the log-odds that all trees of each give the cells, (members, cells)."""
        if self.members < 1 or self.max_iter < 1 or self.max_leaf_nodes < 2 or not self.learning_rate > 0:
            raise ConfigError(
                f"members {self.members}, max_iter {self.max_iter}, max_leaf_nodes {self.max_leaf_nodes} and "
                f"learning_rate {self.learning_rate:g} must be positive, and a tree needs 2 leaves"
            )
        if cells.max_bins != self.max_bins:
            raise ConfigError(f"max_bins is {self.max_bins}, but the events were prepared with {cells.max_bins}")
        held_out = None if validation is None else bin_numbers(validation.features, cells.edges).astype(np.float32)
        boosters, steps, scores = [], [], []
        for spawn in np.random.SeedSequence(self.seed).spawn(self.members):
            sample = weights
            if self.members > 1 and self.subsample < 1.0:
                chosen = np.random.default_rng(spawn).random(len(weights)) < self.subsample
                sample = np.where(chosen, weights, 0.0)
            booster, margin = self._grow(cells, positive, sample)
            if validation is not None and held_out is not None:
                booster = booster[: self._best_steps(booster, held_out, validation)]
            boosters.append(booster)
            steps.append(booster.num_boosted_rounds())
            scores.append(margin)
        self.boosters_, self.steps_, self.edges_ = boosters, steps, cells.edges
        self.classes_ = np.array([False, True])
        self.n_features_in_ = len(cells.edges)
        return np.array(scores, dtype=np.float64)

    def _grow(self, cells: Cells, positive: BoolArray, weights: FloatArray) -> tuple[Any, npt.NDArray[np.float32]]:
        """Return a member and the log-odds it gives each cell, (cells,)."""
        import xgboost

        rows = np.flatnonzero(weights > 0)  # often a small part of the events
        sample = weights[rows]
        sample = sample * (1.0 / sample.mean())
        total, signal = (cells.totals(each, rows) for each in (sample, np.where(positive[rows], sample, 0.0)))
        # cells of weight 0 are carried along: they change no sum, and are scored
        part = np.divide(signal, total, out=np.zeros_like(total), where=total > 0)
        data = getattr(cells.kept, "matrix", None)
        if data is None:
            data = xgboost.QuantileDMatrix(cells.codes, label=part, weight=total, max_bin=MAX_CUTS, nthread=1)
            cells.kept.matrix = data
        else:
            data.set_info(label=part, weight=total)
        settings = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "grow_policy": "lossguide",
            "max_depth": 0,
            "max_leaves": self.max_leaf_nodes,
            "learning_rate": self.learning_rate,
            "min_child_weight": 0.25 * self.min_samples_leaf,
            "reg_lambda": self.l2_regularization,
            "max_bin": MAX_CUTS,
            "nthread": 1,
            "verbosity": 0,
        }
        booster = xgboost.Booster(settings, [data])
        for step in range(self.max_iter):  # what xgboost.train does, which asks for callbacks at every step
            booster.update(data, step)
        margin = booster.predict(data, output_margin=True)  # as kept while training
        return booster.reset(), margin

    def _log_odds(self, codes: npt.NDArray[np.float32]) -> FloatArray:
        return np.array([_margin(booster, codes) for booster in self.boosters_], dtype=np.float64)

    def _best_steps(self, booster: Any, codes: npt.NDArray[np.float32], validation: Validation) -> int:
        values = [
            criterion_value(self.criterion, _margin(booster, codes, steps=steps), validation)
            for steps in range(1, self.max_iter + 1)
        ]
        return int(np.argmin(values)) + 1

    def _check_fitted(self) -> None:
        if not hasattr(self, "boosters_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")


MAX_CUTS = 256
"""Cuts XGBoost may make of a feature: more than there are bins, so that it never merges any."""


def _margin(booster: Any, codes: npt.NDArray[np.float32], *, steps: int = 0) -> FloatArray:
    """Return the log-odds after so many steps; 0 for all."""
    margin = booster.inplace_predict(codes, predict_type="margin", iteration_range=(0, steps))
    return np.asarray(margin, dtype=np.float64)
