"""What every scorer promises, and the check of the features at its door."""

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError, TruthError
from bumphunt.events import LABEL, FloatArray

Features = npt.ArrayLike | pd.DataFrame
"""Feature rows: an array of shape (events, features), or a table whose columns are all features."""


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
