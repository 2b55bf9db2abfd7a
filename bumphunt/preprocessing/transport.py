"""Features moved to what they would be at another mjj: the same quantile, at a reference mass.

:class:`~bumphunt.preprocessing.decorrelation.SmoothDecorrelation` gives each event's quantiles among background of its
own mjj. Read off at one reference mass for all events, these are features again, with units and shapes of that mass,
and background of any mjj then looks like background there: a score of them picks no mass.
"""

import numpy as np
import numpy.typing as npt

from bumphunt.preprocessing.decorrelation import PROBABILITIES, SmoothDecorrelation

FloatArray = npt.NDArray[np.float64]

_SMALLEST_STEP = 1e-9


def features_at(
    quantiles: FloatArray, decorrelation: SmoothDecorrelation, reference: float, *, first: int | None = None
) -> FloatArray:
    """Return the features that have these quantiles at ``reference``, shape (events, features).

    Parameters
    ----------
    quantiles : array of shape (events, features)
        From :meth:`SmoothDecorrelation.transform`, beyond 0 and 1 for the rarest values.
    decorrelation : SmoothDecorrelation
        Fitted to the same features.
    reference : float
        Mass in GeV.
    first : int, optional
        Features that are wanted, the others being left out; all by default.
    """
    place = float(np.log(reference)) - decorrelation.centre_
    scales = list(zip(decorrelation.coefficients_, decorrelation.steps_, strict=True))[:first]
    found = np.empty((len(quantiles), len(scales)), dtype=np.float64)
    for column, (coefficients, scale) in enumerate(scales):
        curve = np.maximum.accumulate(np.polynomial.polynomial.polyval(place, coefficients))
        # the quantiles were continued linearly, and so is their inverse
        steps = np.maximum(np.diff(curve), _SMALLEST_STEP) / np.diff(PROBABILITIES)
        values = quantiles[:, column]
        inside = np.interp(values, PROBABILITIES, curve)
        below = np.minimum(values - PROBABILITIES[0], 0.0) * steps[0]
        above = np.maximum(values - PROBABILITIES[-1], 0.0) * steps[-1]
        moved = inside + below + above
        found[:, column] = moved if scale is None else scale.value_at(moved)
    return found
