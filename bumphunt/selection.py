"""From a score to a selection: cuts at fixed fractions, of all events or of every fold."""

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer]


def select_fraction(
    score: FloatArray, folds: IntArray | None = None, *, fraction: float, ties: FloatArray | None = None
) -> BoolArray:
    """Return the most anomalous ``fraction`` of the events, or of each fold, shape (events,).

    The threshold is taken over all masses together, so it does not depend on how many events happen
    to lie in a window.

    Parameters
    ----------
    score : array of shape (events,)
        Higher is more anomalous.
    folds : int array of shape (events,), optional
        Fold of each event, where folds do not share a scale: each then has a threshold from its own scores. Without
        it there is one for all, as for scores averaged over several divisions into folds.
    fraction : float
        Part of the events to keep, between 0 and 1.
    ties : array of shape (events,), optional
        Order of events of equal score; by default their place in the file decides.

    Examples
    --------
    >>> import numpy as np
    >>> score, folds = np.array([0.1, 0.9, 0.5, 0.2]), np.array([0, 0, 1, 1])
    >>> select_fraction(score, folds, fraction=0.5).tolist()
    [False, True, True, False]
    >>> select_fraction(score, fraction=0.25).tolist()
    [False, True, False, False]
    """
    if not 0.0 < fraction < 1.0:
        raise InputError(f"a cut must keep a fraction between 0 and 1 of the events, not {fraction:g}")
    selected = np.zeros(len(score), dtype=bool)
    numbers = np.zeros(len(score), dtype=np.int64) if folds is None else folds
    order = np.lexsort((np.arange(len(score)) if ties is None else ties, score))
    for fold in np.unique(numbers):
        members = order[numbers[order] == fold]
        keep = round(fraction * len(members))
        if keep:
            selected[members[len(members) - keep :]] = True
    return selected
