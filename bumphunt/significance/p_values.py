"""p-values of one window, counts against an uncertain background, and of many looks."""

import math

from scipy.special import betainc, gammainc

from bumphunt.statistics import SMALLEST_P, z_from_p  # noqa: F401


def counting_p_value(observed: float, expected: float, error: float) -> float:
    """Return the probability of ``observed`` events or more on a background known to ``error``.

    The background is treated as if measured in a sideband of ``expected * tau`` events with
    ``tau = expected / error**2``; the p-value is then the binomial one of on against off,

        p = I_{1/(1+tau)}(n_on, n_off + 1),

    which is exact for that problem and stays valid for few events (arXiv:physics/0702156, eq. 14).

    Parameters
    ----------
    observed : float
        Events in the window.
    expected, error : float
        Expected background and its standard error; an error of zero gives the Poisson tail.

    Examples
    --------
    The first row of table 1 of that paper, 4 events on and 5 off with tau = 5, is 1.66 sigma:

    >>> round(z_from_p(counting_p_value(4, 1.0, (1.0 / 5.0) ** 0.5)), 2)
    1.66
    """
    if observed <= 0:
        return 1.0
    if expected <= 0:
        expected, error = 1e-9, max(error, 1e-9)
    if error <= 1e-6 * expected:
        return max(float(gammainc(observed, expected)), SMALLEST_P)
    tau = expected / error**2
    return on_off_p_value(observed, expected * tau, tau)


def on_off_p_value(on: float, off: float, tau: float) -> float:
    """Return the probability of ``on`` events or more in a window, given ``off`` in a sideband ``tau`` times as rich.

    The binomial p-value ``I_{1/(1+tau)}(n_on, n_off + 1)`` (arXiv:physics/0702156, eq. 14), valid down to no
    sideband event at all.

    Examples
    --------
    >>> on_off_p_value(3, 0, 1.0)
    0.125
    """
    if on <= 0:
        return 1.0
    return max(float(betainc(on, off + 1.0, 1.0 / (1.0 + tau))), SMALLEST_P)


def sidak(p_local: float, trials: int) -> float:
    """Return the probability that the best of ``trials`` independent looks is at least as extreme.

    ``1 - (1 - p)**n`` (Šidák), computed without loss of small p. For looks that share events it is
    an upper bound.

    Parameters
    ----------
    p_local : float
        The smallest p-value.
    trials : int
        Number of looks.

    Examples
    --------
    >>> round(sidak(0.01, 10), 6), f"{sidak(1e-20, 100):.6g}"
    (0.095618, '1e-18')
    """
    if p_local >= 1.0:
        return 1.0
    return max(-math.expm1(trials * math.log1p(-p_local)), p_local)
