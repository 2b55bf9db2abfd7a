"""Features to the unit interval and back: the front end of every network.

Each feature is mapped by its own empirical distribution to a uniform one on [0, 1], so that no
feature outweighs another by its unit and no tail dominates the loss.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import QuantileTransformer

from bumphunt.errors import InputError, TruthError
from bumphunt.events import LABEL, FloatArray, feature_names
from bumphunt.files import write_atomically

_FORMAT = "bumphunt.QuantileFrontEnd"
_VERSION = 1


class QuantileFrontEnd(TransformerMixin, BaseEstimator):  # type: ignore[misc, unused-ignore]
    """Map every feature to a uniform distribution on [0, 1], and back.

    Fit it on the events a network is trained on, and apply it to those it scores. A value beyond the
    fitted range maps to 0 or 1.

    Parameters
    ----------
    features : sequence of str, optional
        The columns to use of a table. By default those of :data:`bumphunt.events.FEATURES` it has.
    n_quantiles : int
        Points at which each distribution is stored, at most; linear in between.

    Attributes
    ----------
    feature_names_in_ : numpy.ndarray
        Names of the features, in order; ``x0``, ``x1``, … when fitted on an array.
    n_features_in_ : int
        Their number.
    transformer_ : sklearn.preprocessing.QuantileTransformer
        The fitted transformer.
    """

    def __init__(self, *, features: Sequence[str] | None = None, n_quantiles: int = 1000) -> None:
        self.features = features
        self.n_quantiles = n_quantiles

    def fit(self, events: npt.ArrayLike | pd.DataFrame, y: None = None) -> Self:
        """Learn each feature's distribution.

        Parameters
        ----------
        events : BlindEvents or array_like
            A table with the named columns, or an array of shape (events, features).
        y : None
            Ignored.

        Raises
        ------
        TruthError
            On a table with a truth column.
        InputError
            On NaN, infinity, a constant feature, or fewer than 10 events.
        """
        names = self._names(events)
        if self.n_quantiles < 2:
            raise InputError(f"n_quantiles is {self.n_quantiles}; give at least 2")
        # a table is looked at column by column, so that no second one of double precision is in memory
        parts = [(name,) for name in names] if isinstance(events, pd.DataFrame) else [names]
        fitted = [self._fitted_to(_matrix(events, part), part) for part in parts]
        transformer = fitted[0]
        transformer.quantiles_ = np.concatenate([each.quantiles_ for each in fitted], axis=1)
        transformer.n_features_in_ = len(names)
        self.transformer_ = transformer
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        return self

    def transform(self, events: npt.ArrayLike | pd.DataFrame) -> FloatArray:
        """Return the features mapped to [0, 1], shape (events, features).

        Raises
        ------
        InputError
            If a fitted feature is missing, or a value is NaN or infinite.
        TruthError
            On a table with a truth column.
        """
        matrix = _matrix(events, self._fitted_names())
        return np.asarray(self.transformer_.transform(matrix), dtype=np.float64)

    def inverse_transform(self, unit: npt.ArrayLike) -> FloatArray:
        """Return the features, in their own units, that rows in [0, 1] stand for.

        Parameters
        ----------
        unit : array_like
            Shape (events, features); values beyond [0, 1] map to the ends of the fitted range.
        """
        matrix = _matrix(unit, self._fitted_names())
        return np.asarray(self.transformer_.inverse_transform(np.clip(matrix, 0.0, 1.0)), dtype=np.float64)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns of :meth:`transform`."""
        return np.array(self._fitted_names(), dtype=object)

    def save(self, path: str | Path) -> None:
        """Write the fitted front end to an ``.npz`` file of arrays and JSON, without pickle."""
        names = self._fitted_names()
        target = Path(path)
        if target.suffix != ".npz":
            raise InputError(f"{target}: the name of such a file must end in '.npz'")
        meta = {
            "format": _FORMAT,
            "version": _VERSION,
            "features": list(names),
            "chosen": None if self.features is None else list(self.features),
            "n_quantiles": self.n_quantiles,
        }
        arrays = {
            "metadata": np.array(json.dumps(meta)),
            "quantiles": self.transformer_.quantiles_,
            "references": self.transformer_.references_,
        }
        write_atomically(target, lambda part: np.savez(part, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; it transforms identically.

        Raises
        ------
        InputError
            If the file is missing or is not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                meta: dict[str, Any] = json.loads(str(stored["metadata"]))
                quantiles, references = stored["quantiles"], stored["references"]
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file") from error
        except Exception as error:  # numpy raises anything from KeyError to BadZipFile on a foreign file
            raise InputError(f"{path}: not a saved front end ({error}); write it with QuantileFrontEnd.save") from error
        if not isinstance(meta, dict) or (meta.get("format"), meta.get("version")) != (_FORMAT, _VERSION):
            raise InputError(f"{path}: not a front end of version {_VERSION}; write it again with this version")
        front_end = cls(features=meta["chosen"], n_quantiles=meta["n_quantiles"])
        transformer = QuantileTransformer(n_quantiles=len(references), output_distribution="uniform", subsample=None)
        transformer.quantiles_, transformer.references_ = quantiles, references
        transformer.n_quantiles_, transformer.n_features_in_ = len(references), quantiles.shape[1]
        front_end.transformer_ = transformer
        front_end.feature_names_in_ = np.array(meta["features"], dtype=object)
        front_end.n_features_in_ = len(meta["features"])
        return front_end

    def _fitted_to(self, matrix: FloatArray, names: tuple[str, ...]) -> QuantileTransformer:
        if len(matrix) < 10:
            raise InputError(f"{len(matrix)} events are too few to learn distributions from; give at least 10")
        constant = np.flatnonzero(matrix.min(axis=0) == matrix.max(axis=0))
        if len(constant):
            column = int(constant[0])
            raise InputError(
                f"feature {names[column]!r} is constant ({matrix[0, column]:g}) and carries nothing; "
                "leave it out of the features"
            )
        return QuantileTransformer(
            n_quantiles=min(self.n_quantiles, len(matrix)), output_distribution="uniform", subsample=None
        ).fit(matrix)

    def _names(self, events: npt.ArrayLike | pd.DataFrame) -> tuple[str, ...]:
        if isinstance(events, pd.DataFrame):
            names = feature_names(events, self.features)
            if not names:
                raise InputError(f"none of the usual features among {', '.join(map(str, events.columns))}; name some")
            return names
        shape = np.shape(events)
        width = shape[1] if len(shape) == 2 else 0
        if self.features is not None:
            return tuple(self.features)
        return tuple(f"x{index}" for index in range(width))

    def _fitted_names(self) -> tuple[str, ...]:
        if not hasattr(self, "transformer_"):
            raise InputError("the front end is not fitted; call fit or load first")
        return tuple(map(str, self.feature_names_in_))


def _matrix(events: npt.ArrayLike | pd.DataFrame, names: tuple[str, ...]) -> FloatArray:
    if isinstance(events, pd.DataFrame):
        if LABEL in events.columns:
            raise TruthError(f"the truth column {LABEL!r} reached the front end; call drop_truth first")
        feature_names(events, names)
        events = events.loc[:, list(names)]
    try:
        matrix = np.asarray(events, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"features are not numeric ({error}); give numbers only") from error
    if matrix.ndim != 2 or matrix.shape[1] != len(names) or 0 in matrix.shape:
        raise InputError(
            f"features have shape {matrix.shape}; give (events, {len(names) or 'features'}), with at least one event"
        )
    finite = np.isfinite(matrix)
    if not finite.all():
        row, column = (int(index) for index in np.argwhere(~finite)[0])
        raise InputError(
            f"feature {names[column]!r} has NaN or infinite values (first at row {row}); remove or repair those rows"
        )
    return matrix
