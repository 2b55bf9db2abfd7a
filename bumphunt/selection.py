"""From a score to a selection: cuts at fixed fractions, the same in every fold."""

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


def select_fraction(score: FloatArray, folds: IntArray, *, fraction: float) -> BoolArray:
    """Return the most anomalous ``fraction`` of each fold, shape (events,).

    The threshold of a fold is taken from that fold's own scores, over all masses together, so it
    does not depend on how many events happen to lie in a window.

    Parameters
    ----------
    score : array of shape (events,)
        Higher is more anomalous.
    folds : int array of shape (events,)
        Fold of each event; folds need not share a scale.
    fraction : float
        Part of the events to keep, between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> select_fraction(np.array([0.1, 0.9, 0.5, 0.2]), np.array([0, 0, 1, 1]), fraction=0.5).tolist()
    [False, True, True, False]
    """
    if not 0.0 < fraction < 1.0:
        raise InputError(f"a cut must keep a fraction between 0 and 1 of the events, not {fraction:g}")
    selected = np.zeros(len(score), dtype=bool)
    for fold in np.unique(folds):
        members = np.flatnonzero(folds == fold)
        keep = round(fraction * len(members))
        if keep:
            order = np.argsort(score[members], kind="stable")
            selected[members[order[len(members) - keep :]]] = True
    return selected
