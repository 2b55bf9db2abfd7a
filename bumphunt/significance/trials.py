"""From local to global beyond the reach of toys: upcrossings of a significance curve (arXiv:1005.1891)."""

import math

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.statistics import p_from_z

FloatArray = npt.NDArray[np.float64]

LEVEL = 1.0
"""Significance at which upcrossings are counted: low, so that a few hundred toys hold many of them."""


def mean_upcrossings(z: FloatArray, *, level: float = LEVEL) -> float:
    """Return how often a curve of signed significance crosses ``level`` upwards, on average over toys.

    Parameters
    ----------
    z : array of shape (toys, points)
        Signed significances without signal, along the mass. NaN (a failed fit) is passed over as if the curve went
        straight on.
    level : float
        Significance of the crossing.

    Examples
    --------
    >>> import numpy as np
    >>> mean_upcrossings(np.array([[0.0, 1.5, 0.2, 2.0], [2.0, 0.0, 0.0, 0.5]]))
    1.0
    """
    curves = np.atleast_2d(np.asarray(z, dtype=np.float64))
    if curves.shape[0] == 0:
        raise InputError("upcrossings need at least one toy")
    total = 0
    for curve in curves:
        above = curve[~np.isnan(curve)] >= level
        total += int(np.sum(~above[:-1] & above[1:]))
    return total / len(curves)


def gross_vitells(z_local: float, upcrossings: float, *, level: float = LEVEL) -> float:
    """Return the global p-value of the highest point of a curve.

    ``p_local + <N(level)> exp(-(z**2 - level**2) / 2)``, eq. 3 of arXiv:1005.1891 for one degree of freedom and a
    one-sided excess. It is an upper bound that becomes exact for small p-values. Where the curve is scanned for
    several widths, the sum of their upcrossings keeps it a bound.

    Parameters
    ----------
    z_local : float
        Largest significance of the curve.
    upcrossings : float
        From :func:`mean_upcrossings` at ``level``.
    level : float
        Significance of the crossings.

    Examples
    --------
    >>> round(gross_vitells(5.0, 4.0) / 2.8665e-07, 1)
    86.7
    """
    if z_local <= level:
        return 1.0
    p_local = p_from_z(z_local)
    return min(1.0, p_local + upcrossings * math.exp(-0.5 * (z_local**2 - level**2)))


ENOUGH = 10
"""Toys that have to exceed the data for their own p-value to be used."""


def global_p_value(
    z_local: float, p_local: float, *, n_exceed: int, n_toys: int, upcrossings: float
) -> tuple[float, str, bool]:
    """Return the global p-value, how it came about, and whether it is a bound.

    The procedure is declared once, here: toys with refit where at least :data:`ENOUGH` of them exceed the data, ``(k
    + 1) / (n + 1)``; otherwise the upcrossing bound, unless the toys alone are sharper. Never below the local
    p-value.

    Parameters
    ----------
    z_local, p_local : float
        Of the best point.
    n_exceed, n_toys : int
        Toys whose best point is at least as significant, and all toys.
    upcrossings : float
        Mean upcrossings of the toys' curves at :data:`LEVEL`.
    """
    by_toys = (n_exceed + 1) / (n_toys + 1)
    by_crossings = gross_vitells(z_local, upcrossings)
    if n_exceed >= ENOUGH or by_toys <= by_crossings:
        method = f"toys with refit, (k+1)/(n+1), k = {n_exceed}"
        return max(by_toys, p_local), method, n_exceed == 0
    method = f"Gross-Vitells, {upcrossings:.2f} upcrossings of {LEVEL:g} sigma ({n_exceed} of {n_toys} toys exceed)"
    return max(by_crossings, p_local), method, True
