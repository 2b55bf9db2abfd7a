"""Features made independent of mjj, one by one: their quantile among background of the same mass.

A classifier that can read mjj off its features carves a bump into pure background. Here each feature
is replaced by its cumulative probability F(x | mjj). The quantiles of x are smooth functions of
log mjj over the whole searched range, so that the few events of a resonance, in a narrow window, cannot bend them.
"""

from typing import Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]

PROBABILITIES = np.concatenate([[0.002, 0.01], np.linspace(0.03, 0.97, 29), [0.99, 0.998]])

EVENTS_A_SLICE, LEAST_SLICES = 50, 12
"""Events in a slice, at least, and slices that a parabola in log mass is fitted to, at least."""

_CHUNK = 50_000


class SmoothDecorrelation:
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
        self.coefficients_ = np.stack(
            [
                np.polynomial.polynomial.polyfit(
                    places, np.array([np.quantile(column[part], PROBABILITIES) for part in parts]), self.degree
                )
                for column in np.asarray(features, dtype=np.float64).T
            ]
        )
        return self

    def transform(self, features: FloatArray, mjj: FloatArray) -> FloatArray:
        """Return the quantiles, shape (events, features): from 0 to 1, and a little beyond for the rarest values."""
        place = np.log(np.asarray(mjj, dtype=np.float64)) - self.centre_
        uniform = np.empty(np.shape(features), dtype=np.float64)
        for start in range(0, len(place), _CHUNK):
            rows = slice(start, start + _CHUNK)
            for column, coefficients in enumerate(self.coefficients_):
                curves = np.polynomial.polynomial.polyval(place[rows], coefficients).T
                uniform[rows, column] = _position(features[rows, column], curves)
        return uniform


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
