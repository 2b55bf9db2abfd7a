"""Daughters of nearly equal masses: intervals that end where both are equal.

No event tells which jet is that of X. As long as two peaks lie within one another, exchanging the daughters changes
nothing: the likelihood is even in half of their difference d, so that it is d squared that is measured, with an error
s, and it may come out above zero by chance where it is zero, or below where no d fits better than none. A curvature at
the minimum knows nothing of that, and a profile goes on beyond equal masses with both exchanged. How far two daughters
are apart is told by the rise of twice the negative log likelihood when both are given one mass: (d squared over s)
squared.
"""

import numpy as np
import numpy.typing as npt

from bumphunt.masses.constants import SHARED_RESPONSE
from bumphunt.masses.signal_table import Masses
from bumphunt.results import Interval

FloatArray = npt.NDArray[np.float64]

RESOLVED = 9.0
"""Rise of twice the negative log likelihood for equal daughters, three errors of d squared, from which they are two for
certain, and profiles stand as they are."""


def with_shared_response(masses: Masses) -> Masses:
    """Return the masses (GeV) at which a response is prepared: one for both daughters where peaks lie in one another.

    With responses of their own a likelihood would not be even: of its two minima with the daughters exchanged, that
    one is deeper which suits the difference of both responses, be it the one where each daughter is described by what
    was prepared for the other.

    Examples
    --------
    >>> with_shared_response((4400.0, 200.0, 182.0))
    (4400.0, 190.78784028338913, 190.78784028338913)
    >>> with_shared_response((4400.0, 200.0, 150.0))
    (4400.0, 200.0, 150.0)
    """
    m_resonance, m_x, m_y = masses
    if abs(float(np.log(m_x / m_y))) > SHARED_RESPONSE:
        return masses
    middle = float(np.sqrt(m_x * m_y))
    return m_resonance, middle, middle


def inner_end(half: float, rise: float, mean_error: float) -> float:
    """Return how far the heavier daughter lies above the mean of both, at least, in a 68 % interval (GeV).

    The end of all masses, the heavier above the lighter, at which twice the negative log likelihood has risen by one:
    an ellipse in the mean of both masses and in d squared.

    Parameters
    ----------
    half : float
        Half of the fitted difference, GeV.
    rise : float
        What equal daughters cost in twice the negative log likelihood.
    mean_error : float
        Error of the mean of both masses, GeV.

    Examples
    --------
    >>> inner_end(3.0, 0.0, 2.0)  # as likely equal: as far below as their mean may be
    -2.0
    >>> round(inner_end(30.0, 400.0, 0.0), 1)  # far apart: d less its own error, s / 2 d
    29.2
    """
    if rise < 1.0:
        return -mean_error * float(np.sqrt(1.0 - max(rise, 0.0)))
    angle = np.linspace(0.0, 2.0 * np.pi, 1440, endpoint=False)
    squared = half**2 * (1.0 + np.sin(angle) / np.sqrt(rise))
    return float((mean_error * np.cos(angle) + np.sqrt(np.maximum(squared, 0.0))).min())


def ordered(heavier: Interval, lighter: Interval, *, rise: float, mean_error: float) -> tuple[Interval, Interval]:
    """Return the intervals of both daughters where they may be equal: values and outer ends stay.

    Parameters
    ----------
    heavier, lighter : Interval
        As fitted, by profiles, GeV.
    rise : float
        What equal daughters cost in twice the negative log likelihood.
    mean_error : float
        Error of the mean of both masses, GeV.
    """
    if rise >= RESOLVED:
        return heavier, lighter
    mean, half = 0.5 * (heavier.value + lighter.value), 0.5 * (heavier.value - lighter.value)
    end = min(inner_end(half, rise, mean_error), half)
    return (
        Interval(value=heavier.value, low=mean + end, high=heavier.high),
        Interval(value=lighter.value, low=lighter.low, high=mean - end),
    )
