"""Daughters of nearly equal masses: the heavier of two equal ones is found too heavy, the lighter one too light.

The fit calls the heavier one X. Of two equal masses it finds the difference of two fluctuations and never a negative
one: the absolute value of a normal number, whose mean is that of the folded normal distribution. Undone here for the
mean: where the difference is less than the mean without any, it is taken as none; beyond two errors hardly anything
changes.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import erf

FloatArray = npt.NDArray[np.float64]


def folded_mean(difference: FloatArray) -> FloatArray:
    """Return the mean of the absolute value of a normal number of width one about ``difference``.

    Examples
    --------
    >>> import numpy as np
    >>> folded_mean(np.array([0.0, 1.0, 3.0])).round(3).tolist()
    [0.798, 1.167, 3.001]
    """
    return np.asarray(
        np.sqrt(2.0 / np.pi) * np.exp(-0.5 * difference**2) + difference * erf(difference / np.sqrt(2.0)),
        dtype=np.float64,
    )


def unfolded(seen: float) -> float:
    """Return the difference, in its errors, whose absolute value is on average the one seen.

    Examples
    --------
    >>> round(unfolded(0.5), 3), round(unfolded(1.167), 2), round(unfolded(3.0), 2), round(unfolded(8.0), 6)
    (0.0, 1.0, 3.0, 8.0)
    """
    grid, means = _table()
    return float(seen if seen > grid[-1] else np.interp(seen, means, grid, left=0.0))


@cache
def _table() -> tuple[FloatArray, FloatArray]:
    grid = np.linspace(0.0, 5.0, 501)
    return grid, folded_mean(grid)


def drawn_together(m_x: float, m_y: float, variance: float) -> float:
    """Return by how much the heavier mass is to be lowered and the lighter one raised (GeV).

    Parameters
    ----------
    m_x, m_y : float
        Fitted masses in GeV, the heavier first.
    variance : float
        Of their difference.
    """
    error = float(np.sqrt(max(variance, 1e-12)))
    seen = (m_x - m_y) / error
    return 0.5 * error * max(seen - unfolded(seen), 0.0)
