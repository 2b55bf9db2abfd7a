"""The double-sided Crystal Ball: a Gaussian core with a power-law tail on either side."""

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

FloatArray = npt.NDArray[np.float64]

_ROOT_2PI = float(np.sqrt(2.0 * np.pi))


def crystal_ball_pdf(
    x: FloatArray, *, mode: float, width: float, alpha_low: float, n_low: float, alpha_high: float, n_high: float
) -> FloatArray:
    """Return the density of a double-sided Crystal Ball, normalised over all x.

    Parameters
    ----------
    x : array
        Where to evaluate.
    mode, width : float
        Mean and standard deviation of the core, in the unit of x.
    alpha_low, alpha_high : float
        Where the tails begin, in widths below and above the mode, positive.
    n_low, n_high : float
        Powers of the tails, above 1.
    """
    t = (np.asarray(x, dtype=np.float64) - mode) / width
    log_density = -0.5 * t**2
    low, high = t < -alpha_low, t > alpha_high
    log_density[low] = _log_tail(-t[low], alpha_low, n_low)
    log_density[high] = _log_tail(t[high], alpha_high, n_high)
    total = _core_area(alpha_low, alpha_high) + _tail_area(alpha_low, n_low) + _tail_area(alpha_high, n_high)
    return np.asarray(np.exp(log_density) / (width * total), dtype=np.float64)


def crystal_ball_cdf(
    x: float, *, mode: float, width: float, alpha_low: float, n_low: float, alpha_high: float, n_high: float
) -> float:
    """Return the part of a double-sided Crystal Ball below ``x``; parameters as for the density.

    Examples
    --------
    >>> shape = dict(mode=0.0, width=1.0, alpha_low=1.5, n_low=3.0, alpha_high=1.5, n_high=3.0)
    >>> round(crystal_ball_cdf(0.0, **shape), 6), round(crystal_ball_cdf(1e9, **shape), 6)
    (0.5, 1.0)
    """
    t = (x - mode) / width
    low, high = _tail_area(alpha_low, n_low), _tail_area(alpha_high, n_high)
    total = _core_area(alpha_low, alpha_high) + low + high
    if t < -alpha_low:
        return _tail_area_beyond(-t, alpha_low, n_low) / total
    if t > alpha_high:
        return 1.0 - _tail_area_beyond(t, alpha_high, n_high) / total
    return (low + _ROOT_2PI * float(ndtr(t) - ndtr(-alpha_low))) / total


def _log_tail(t: FloatArray, alpha: float, n: float) -> FloatArray:
    return np.asarray(-0.5 * alpha**2 - n * np.log1p(alpha * (t - alpha) / n), dtype=np.float64)


def _tail_area(alpha: float, n: float) -> float:
    return float(np.exp(-0.5 * alpha**2) * n / (alpha * (n - 1.0)))


def _tail_area_beyond(t: float, alpha: float, n: float) -> float:
    return float(_tail_area(alpha, n) * (1.0 + alpha * (t - alpha) / n) ** (1.0 - n))


def _core_area(alpha_low: float, alpha_high: float) -> float:
    return _ROOT_2PI * float(ndtr(alpha_high) - ndtr(-alpha_low))
