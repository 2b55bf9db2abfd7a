"""Significance and p-value: one-sided, by the quantile of the normal distribution."""

from scipy.special import ndtr, ndtri

SMALLEST_P = 1e-300
"""Below this a p-value is quoted as this: z = 37."""


def z_from_p(p_value: float) -> float:
    """Return the one-sided normal quantile of a p-value, 0.5 -> 0; p = 0 gives that of :data:`SMALLEST_P`.

    Examples
    --------
    >>> round(z_from_p(2.8665157187919333e-07), 6)
    5.0
    """
    return float(-ndtri(min(max(p_value, SMALLEST_P), 1.0 - 1e-16)))


def p_from_z(z: float) -> float:
    """Return the one-sided p-value of ``z`` standard deviations.

    Examples
    --------
    >>> f"{p_from_z(5.0):.4g}"
    '2.867e-07'
    """
    return float(ndtr(-z))
