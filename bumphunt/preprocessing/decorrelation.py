"""Features made independent of mjj, one by one: their quantile among background of the same mass.

A classifier that can read mjj off its features carves a bump into pure background. Here each feature
is replaced by its cumulative probability F(x | mjj). The quantiles of x are smooth functions of
log mjj over the whole searched range, so that the few events of a resonance, in a narrow window, cannot bend them.

A feature with few different values (a multiplicity, a flag, a rounded one) has no such quantiles: they jump, and where
they jump depends on mjj. Its events of equal value are first put in an order, by a hash of their content, that knows
nothing of mjj (a randomised probability integral transform: Dunn, Smyth, J. Comput. Graph. Stat. 5, 1996, 236).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from sklearn.base import BaseEstimator

from bumphunt.errors import InputError
from bumphunt.preprocessing.content import content_hash, tie_breakers

FloatArray = npt.NDArray[np.float64]

PROBABILITIES = np.concatenate([[0.002, 0.01], np.linspace(0.03, 0.97, 29), [0.99, 0.998]])

EVENTS_A_SLICE, LEAST_SLICES = 50, 12
"""Events in a slice, at least, and slices that a parabola in log mass is fitted to, at least."""

MOST_ALIKE, LEAST_ALIKE = 1.0 / 400.0, 10
"""Part of the events, and number of them, that may share a value before a feature counts as one of steps."""

_CHUNK = 50_000
_RAREST = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """The scale of a feature that many events share values of: each value an interval, as long as it is frequent.

    Parameters
    ----------
    values : array of shape (values,)
        Different values, rising.
    upto : array of shape (values,)
        Part of the events up to each.
    """

    values: FloatArray
    upto: FloatArray

    @classmethod
    def of(cls, column: FloatArray) -> Self | None:
        """Return the scale of a feature, or None where its values differ enough to be quantiles themselves."""
        values, counts = np.unique(column, return_counts=True)
        if counts.max() <= max(MOST_ALIKE * len(column), LEAST_ALIKE):
            return None
        return cls(values=values.astype(np.float64), upto=np.cumsum(counts) / len(column))

    def spread(self, column: FloatArray, ties: FloatArray) -> FloatArray:
        """Return normal scores of values (events,), those of equal value in the order of ``ties`` in (0, 1).

        Normal scores follow the mass about as smoothly as a feature does that is measured more finely.

        Examples
        --------
        >>> import numpy as np
        >>> scale = Steps(values=np.array([0.0, 1.0]), upto=np.array([0.5, 1.0]))
        >>> scale.spread(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.0, 0.5])).round(2).tolist()
        [-1.28, 0.0, 0.67]
        """
        bounds = np.append(0.0, self.upto)
        first, last = (np.searchsorted(self.values, column, side=side) for side in ("left", "right"))
        # a value that was not there when this was learned has no interval
        part = bounds[first] + ties * (bounds[last] - bounds[first])
        return np.asarray(ndtri(np.clip(part, _RAREST, 1.0 - _RAREST)), dtype=np.float64)

    def value_at(self, scores: FloatArray) -> FloatArray:
        """Return the values that have these normal scores."""
        place = np.searchsorted(self.upto, ndtr(scores))
        return self.values[np.minimum(place, len(self.values) - 1)]


class SmoothDecorrelation(BaseEstimator):  # type: ignore[misc, unused-ignore]
    """Turn features into their quantiles at given mjj.

    Parameters
    ----------
    degree : int
        Degree of the polynomials in log mjj that the quantiles follow.
    slices : int
        Slices of equal numbers of events in which the quantiles are read off, at most.

    Attributes
    ----------
    coefficients_ : array of shape (features, degree + 1, probabilities)
        Polynomial coefficients of each quantile.
    centre_ : float
        Where in log mjj the polynomials are centred.
    steps_ : tuple of Steps or None, one for each feature
        The scale of a feature of few values, whose quantiles are then those of its normal scores.
    """

    def __init__(self, *, degree: int = 2, slices: int = 24) -> None:
        self.degree = degree
        self.slices = slices

    def fit(self, features: FloatArray, mjj: FloatArray) -> Self:
        """Learn the quantiles of features (events, features) as functions of mjj (events,) in GeV.

        Raises
        ------
        InputError
            If there are fewer than 50 events in each of 12 slices, or the masses are all the same.
        """
        slices = min(self.slices, len(mjj) // EVENTS_A_SLICE)
        if slices < LEAST_SLICES:
            raise InputError(
                f"{len(mjj)} events are too few to learn how features follow the mass: {LEAST_SLICES} slices of "
                f"{EVENTS_A_SLICE} are needed; give more events, or search their spectrum alone with `bumphunt scan`"
            )
        log_mass = np.log(np.asarray(mjj, dtype=np.float64))
        order = np.argsort(log_mass, kind="stable")
        parts = np.array_split(order, slices)
        self.centre_ = float(log_mass.mean())
        places = np.array([log_mass[part].mean() for part in parts]) - self.centre_
        if np.ptp(places) == 0:
            raise InputError("all events have the same mjj; there is no spectrum to search")
        features = np.asarray(features, dtype=np.float64)
        self.steps_ = tuple(Steps.of(column) for column in features.T)
        self.coefficients_ = np.stack(
            [
                np.polynomial.polynomial.polyfit(
                    places, np.array([np.quantile(column[part], PROBABILITIES) for part in parts]), self.degree
                )
                for column in self._spread(features, mjj).T
            ]
        )
        return self

    def transform(self, features: FloatArray, mjj: FloatArray) -> FloatArray:
        """Return the quantiles, shape (events, features): from 0 to 1, and a little beyond for the rarest values."""
        place = np.log(np.asarray(mjj, dtype=np.float64)) - self.centre_
        features = self._spread(features, mjj)
        uniform = np.empty(np.shape(features), dtype=np.float64)
        for start in range(0, len(place), _CHUNK):
            rows = slice(start, start + _CHUNK)
            for column, coefficients in enumerate(self.coefficients_):
                curves = np.polynomial.polynomial.polyval(place[rows], coefficients).T
                uniform[rows, column] = _position(features[rows, column], curves)
        return uniform

    def _spread(self, features: FloatArray, mjj: FloatArray) -> FloatArray:
        """Return the features, those of few values as normal scores: what the quantiles are taken of."""
        if not any(self.steps_):
            return features
        features, mjj = np.array(features, dtype=np.float64), np.asarray(mjj, dtype=np.float64)
        keys = content_hash([mjj, *features.T], len(mjj))
        for column, steps in enumerate(self.steps_):
            if steps is not None:
                features[:, column] = steps.spread(features[:, column], tie_breakers(keys, repeat=column))
        return features


def _position(values: FloatArray, curves: FloatArray) -> FloatArray:
    """Where each value lies among its event's quantiles (events, probabilities), linear in between."""
    curves = np.maximum.accumulate(curves, axis=1)
    below = np.clip((values[:, None] > curves).sum(axis=1) - 1, 0, len(PROBABILITIES) - 2)
    rows = np.arange(len(values))
    low, high = curves[rows, below], curves[rows, below + 1]
    # beyond the outermost quantiles the scale goes on linearly, so that the heaviest jets stay apart
    part = np.clip((values - low) / np.maximum(high - low, 1e-9), -100.0, 100.0)
    step = PROBABILITIES[below + 1] - PROBABILITIES[below]
    return np.asarray(PROBABILITIES[below] + part * step, dtype=np.float64)
