r"""The distance of an event from the bulk, in units of the bulk's own spread: for latent spaces of any dimension."""

import json
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.files import write_atomically
from bumphunt.scores.estimators import ScorerMixin
from bumphunt.scores.protocol import Features, check_features

_FORMAT = "bumphunt.MahalanobisDistance"
_VERSION = 1


class MahalanobisDistance(ScorerMixin, BaseEstimator):  # type: ignore[misc, unused-ignore]
    r"""Squared Mahalanobis distance :math:`(x - m)^T C^{-1} (x - m)`.

    Use it on the latent means of a VAE with more than one latent dimension: unlike
    :math:`\sum_i \mu_i^2` it does not depend on how the dimensions are scaled or mixed.

    Parameters
    ----------
    robust : bool
        Take centre and covariance from the half of the events that lie closest together (minimum
        covariance determinant), so that anomalous events do not widen the bulk they are measured against.
    seed : int
        Seeds the search for that half.

    Attributes
    ----------
    centre_ : numpy.ndarray
        :math:`m`, shape (features,).
    covariance_ : numpy.ndarray
        :math:`C`, shape (features, features).

    Examples
    --------
    >>> import numpy as np
    >>> line = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> MahalanobisDistance().fit(line).anomaly_score([[2.0, 0.0], [0.0, 2.0]]).round(6).tolist()
    [2.0, 8.0]
    """

    def __init__(self, *, robust: bool = False, seed: int = 0) -> None:
        self.robust = robust
        self.seed = seed

    def fit(self, features: Features, y: None = None) -> Self:
        """Learn centre and covariance from rows of shape (events, features); ``y`` is ignored.

        Raises
        ------
        TruthError
            On a table with a truth column.
        InputError
            On NaN, infinity, too few events, or features of which one is constant or follows from the others.
        """
        matrix = check_features(features)
        width = matrix.shape[1]
        if len(matrix) < 2 * width:
            raise InputError(
                f"{len(matrix)} events are too few for a covariance of {width} features; give {2 * width} or more"
            )
        centre, covariance = matrix.mean(axis=0), np.atleast_2d(np.cov(matrix, rowvar=False, bias=True))
        _check_rank(covariance)
        if self.robust:
            centre, covariance = self._robust(matrix)
            _check_rank(covariance)
        return self._with(centre, covariance)

    def anomaly_score(self, features: Features) -> FloatArray:
        """Return the squared distance of each event, shape (events,); higher is more anomalous."""
        self._check_fitted()
        away = check_features(features, width=len(self.centre_)) - self.centre_
        return np.asarray(
            np.square(np.linalg.solve(np.linalg.cholesky(self.covariance_), away.T)).sum(axis=0), dtype=np.float64
        )

    def score(self, features: Features, y: None = None) -> float:
        """Return the mean log-likelihood of events under a Gaussian of this centre and covariance; for searches."""
        distance = self.anomaly_score(features)
        _, log_determinant = np.linalg.slogdet(2.0 * np.pi * self.covariance_)
        return float(-0.5 * (distance.mean() + log_determinant))

    def save(self, path: str | Path) -> None:
        """Write centre, covariance and settings to an ``.npz`` file, without pickle."""
        self._check_fitted()
        target = Path(path)
        if target.suffix != ".npz":
            raise InputError(f"{target}: the name of such a file must end in '.npz'")
        meta = {"format": _FORMAT, "version": _VERSION, "robust": self.robust, "seed": self.seed}
        arrays = {"metadata": np.array(json.dumps(meta)), "centre": self.centre_, "covariance": self.covariance_}
        write_atomically(target, lambda part: np.savez(part, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is missing, damaged, or holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                meta: dict[str, Any] = json.loads(str(stored["metadata"]))
                centre, covariance = stored["centre"], stored["covariance"]
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file") from error
        except Exception as error:  # numpy raises anything from KeyError to BadZipFile on a foreign file
            raise InputError(f"{path}: not a saved distance ({error}); write it with save") from error
        if not isinstance(meta, dict) or (meta.get("format"), meta.get("version")) != (_FORMAT, _VERSION):
            raise InputError(f"{path}: not a distance of version {_VERSION}; write it again with this version")
        return cls(robust=meta["robust"], seed=meta["seed"])._with(centre, covariance)

    def _robust(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        from sklearn.covariance import MinCovDet
        from threadpoolctl import threadpool_limits

        with warnings.catch_warnings(), threadpool_limits(limits=1):
            # It warns of steps that did not help; what it settles on is checked by its rank instead.
            warnings.simplefilter("ignore")
            try:
                found = MinCovDet(random_state=self.seed).fit(matrix)
            except ValueError as error:
                raise InputError(f"no robust covariance of these features ({error}); use robust=False") from error
        return np.asarray(found.location_), np.asarray(found.covariance_)

    def _with(self, centre: FloatArray, covariance: FloatArray) -> Self:
        self.centre_, self.covariance_ = centre, covariance
        self.n_features_in_ = len(centre)
        return self

    def _check_fitted(self) -> None:
        if not hasattr(self, "centre_"):
            raise InputError("MahalanobisDistance is not fitted; call fit or load first")


def _check_rank(covariance: FloatArray) -> None:
    spread = np.sqrt(np.diag(covariance))
    if not (spread > 0).all():
        raise InputError(f"feature {int(np.argmin(spread))} is constant and has no distances; leave it out")
    if np.linalg.eigvalsh(covariance / np.outer(spread, spread)).min() < 1e-10:
        raise InputError("one feature follows from the others, so that distances are not defined; leave it out")
