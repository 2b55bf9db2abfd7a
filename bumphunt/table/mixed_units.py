"""Rows in another unit than the rest: files in TeV read together with files in GeV."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FACTOR = 1000.0
"""Between GeV and TeV, or MeV and GeV."""
_APART = 100.0  # below the 95 % quantile over this lies what may be in the larger unit
_LEAST_ROWS, _LEAST_SHARE = 20, 0.002  # fewer rows have no shape that could be compared
_ALIKE = 1.5  # so far may medians, and widths, of the two groups differ once both are in one unit
_BETWEEN = 0.1  # rows in the emptiest place between the groups, as a part of the smaller ones in a place as wide
_HALF_WAY = 0.6  # of the way to the others is where that place is looked for


def rows_in_larger_unit(values: FloatArray) -> int:
    """Return how many values have the distribution of the others divided by 1000, and nothing in between; 0 if none.

    A tail, a spike of light jets of one particle, or zeros are no second copy of a spectrum.

    Parameters
    ----------
    values : array of shape (events,)
        Masses; those that are not positive do not count.

    Examples
    --------
    >>> import numpy as np
    >>> masses = np.geomspace(2000.0, 8000.0, 100)
    >>> rows_in_larger_unit(np.append(masses, masses[::3] / 1000))
    34
    >>> rows_in_larger_unit(np.append(masses, np.full(40, 2.0)))
    0
    """
    positive = values[values > 0]
    if len(positive) < 2 * _LEAST_ROWS:
        return 0
    edge = float(np.quantile(positive, 0.95)) / _APART
    low = positive < edge
    n_low = int(low.sum())
    if n_low < max(_LEAST_ROWS, _LEAST_SHARE * len(positive)):
        return 0
    larger, rest = np.log(positive[low] * FACTOR), np.log(positive[~low])
    ends, others = (np.quantile(part, [0.25, 0.5, 0.75]) for part in (larger, rest))
    alike = abs(ends[1] - others[1]) < np.log(_ALIKE)
    width, usual = ends[2] - ends[0], others[2] - others[0]
    if not (alike and usual < _ALIKE * width and width < _ALIKE * usual):
        return 0
    return n_low if _valley(np.log(positive), others[1] - np.log(FACTOR), usual) else 0


def _valley(logs: FloatArray, centre: float, width: float) -> bool:
    """Return whether somewhere between the group around ``centre`` and the others next to no row lies.

    A tail towards light jets has rows there, whatever stands at its end.
    """
    here = int((np.abs(logs - centre) < 0.5 * width).sum())
    places = np.linspace(centre + width, centre + _HALF_WAY * np.log(FACTOR), 9)
    if places[-1] < places[0]:  # too wide for anything between
        return False
    between = min(int((np.abs(logs - place) < 0.5 * width).sum()) for place in places)
    return between < _BETWEEN * here
