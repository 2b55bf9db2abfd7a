"""What every scorer promises, and the check of the features at its door."""

from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError, TruthError
from bumphunt.events import LABEL, FloatArray

Features = npt.ArrayLike | pd.DataFrame
"""Feature rows: an array of shape (events, features), or a table whose columns are all features."""

BoolArray = npt.NDArray[np.bool_]


@runtime_checkable
class AnomalyScorer(Protocol):
    """Something that learns from events and gives each event one number.

    The number orders events: **higher is more anomalous**. Its scale means nothing.
    """

    def fit(self, features: Features, /, *args: Any, **kwargs: Any) -> Self:
        """Learn from feature rows of shape (events, features) and return the scorer itself."""
        ...

    def anomaly_score(self, features: Features, /) -> FloatArray:
        """Return one finite number per event, shape (events,); higher is more anomalous."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Validation:
    """Events by which a training is stopped and that do not train: as those that do, of other folds.

    ``positive`` says which lie in the signal region, not which are signal.
    """

    features: FloatArray
    positive: BoolArray
    weights: FloatArray


class Classifier(Protocol):
    """A base of weak supervision: it learns to separate one sample of events from another.

    The classes are *regions of mjj*. Which events are signal is neither asked for nor known.
    """

    def fit(
        self,
        features: FloatArray,
        positive: BoolArray,
        *,
        weights: FloatArray | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn to find the events flagged ``positive``; with ``validation``, stop where that is best."""
        ...

    def anomaly_score(self, features: FloatArray) -> FloatArray:
        """Return the mean log-odds of the positive class over the members, shape (events,)."""
        ...

    def member_scores(self, features: FloatArray) -> FloatArray:
        """Return the log-odds each member gives each event, shape (members, events)."""
        ...


@runtime_checkable
class SharingClassifier(Protocol):
    """A classifier whose trainings on parts of the same events share work, such as the binning of features.

    What ``prepare`` returns is the classifier's own affair; it must not depend on which events are in the region.
    """

    def prepare(self, features: FloatArray, trains: BoolArray | None = None) -> Any:
        """Return what all trainings on these events share; ``trains`` flags those that any of them trains on."""
        ...

    def fit_and_score(
        self, prepared: Any, positive: BoolArray, weights: FloatArray, events: BoolArray
    ) -> tuple[FloatArray, npt.NDArray[np.integer]]:
        """Train on prepared events, not on those of weight 0, and score some of them.

        Returns the log-odds each member gives groups of events, (members, groups), and the group of each event flagged.
        """
        ...


def check_training(
    features: Features, positive: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Return features, classes and weights of a training sample as arrays fit to train on.

    Parameters
    ----------
    features : array_like
        Shape (events, features).
    positive : array_like of bool
        Shape (events,): which events are of the positive class, a region of mjj.
    weights : array_like, optional
        Shape (events,), not negative; all 1 by default.

    Raises
    ------
    TruthError
        If the truth column is among the features or given as the classes.
    InputError
        On shapes that do not agree, one class only, NaN or infinity, or weights that leave nothing.
    """
    for given in (features, positive):
        truth = given.columns if isinstance(given, pd.DataFrame) else [getattr(given, "name", None)]
        if LABEL in truth:
            raise TruthError(f"the truth column {LABEL!r} reached a classifier; it learns regions of mjj, never truth")
    classes = np.asarray(positive, dtype=bool)
    matrix = np.asarray(features, dtype=np.float64)
    sample = np.ones(len(classes)) if weights is None else np.asarray(weights, dtype=np.float64)
    if classes.ndim != 1 or matrix.ndim != 2 or not len(matrix) == len(classes) == len(sample):
        raise InputError(
            f"features have shape {matrix.shape}, classes {classes.shape} and weights {sample.shape}; "
            "give (events, features) and one class and weight per event"
        )
    if classes.all() or not classes.any():
        raise InputError(
            f"all {len(classes)} training events are of one class; "
            "a classifier needs events in the signal region and in the sidebands"
        )
    if not np.isfinite(matrix).all():
        raise InputError("NaN or infinity among the training features; remove or repair those events")
    if not np.isfinite(sample).all() or (sample < 0).any() or not (sample[classes].any() and sample[~classes].any()):
        raise InputError("training weights must be finite, not negative, and positive for some events of either class")
    return matrix, classes, sample


def check_features(features: Features, *, width: int | None = None, name: str = "features") -> FloatArray:
    """Return feature rows as a finite float array of shape (events, features).

    Parameters
    ----------
    features : array_like or pandas.DataFrame
        Shape (events, features), at least one of each.
    width : int, optional
        The number of features a fitted scorer expects.
    name : str
        What to call the features in messages.

    Raises
    ------
    TruthError
        If a table still has its truth column.
    InputError
        On a wrong shape, an empty input, text, NaN or infinity.

    Examples
    --------
    >>> check_features([[0.5, 1.0]], width=2).shape
    (1, 2)
    """
    if isinstance(features, pd.DataFrame) and LABEL in features.columns:
        raise TruthError(f"{name}: the truth column {LABEL!r} reached a scorer; call drop_truth first")
    try:
        array = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: not numeric ({error}); give numbers only") from error
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{name}: shape {array.shape}; give a non-empty array of shape (events, features)")
    if width is not None and array.shape[1] != width:
        raise InputError(
            f"{name}: {array.shape[1]} features, but the scorer was fitted with {width}; give the same ones"
        )
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise InputError(
            f"{name}: {int((~finite).sum())} rows have NaN or infinite values (first at row {int(np.argmin(finite))}); "
            "remove or repair those rows"
        )
    return array
