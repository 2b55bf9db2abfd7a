"""Shapes of a resonance beyond the Gaussian: double-sided Crystal Ball, Voigt profile, template of simulated masses."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, voigt_profile

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]


def crystal_ball_fractions(
    edges: FloatArray,
    *,
    mass: float,
    width: float,
    alpha_low: float = 1.5,
    power_low: float = 5.0,
    alpha_high: float = 1.5,
    power_high: float = 5.0,
) -> FloatArray:
    """Return the part of a resonance with power-law tails on both sides in each bin, shape (bins,).

    A Gaussian core that goes over into ``(1 + ...)**(-n)`` tails beyond ``alpha`` standard deviations on either side,
    value and slope continuous (the double-sided Crystal Ball, ATLAS arXiv:1407.6583, eq. 1). Bins are integrated in
    closed form.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    mass, width : float
        Peak and standard deviation of the core, GeV.
    alpha_low, alpha_high : float
        Where the tails begin, in standard deviations from the peak, positive.
    power_low, power_high : float
        Powers of the tails, above one.

    Examples
    --------
    Tails that begin far out leave a Gaussian:

    >>> import numpy as np
    >>> edges = np.array([3400.0, 3500.0, 3600.0])
    >>> crystal_ball_fractions(edges, mass=3500.0, width=100.0, alpha_low=8.0, alpha_high=8.0).round(4).tolist()
    [0.3413, 0.3413]
    """
    if width <= 0 or min(alpha_low, alpha_high) <= 0 or min(power_low, power_high) <= 1:
        raise InputError(
            "a Crystal Ball needs a positive width, tails that begin at a positive distance and powers above one; "
            f"found width {width:g}, alpha {alpha_low:g} and {alpha_high:g}, power {power_low:g} and {power_high:g}"
        )
    t = (np.asarray(edges, dtype=np.float64) - mass) / width
    low = _tail_integral(np.maximum(-t, alpha_low), alpha_low, power_low)
    high = _tail_integral(np.maximum(t, alpha_high), alpha_high, power_high)
    core = math.sqrt(2.0 * math.pi) * (ndtr(np.clip(t, -alpha_low, alpha_high)) - ndtr(-alpha_low))
    left = _tail_integral(np.array(alpha_low), alpha_low, power_low)
    right = _tail_integral(np.array(alpha_high), alpha_high, power_high)
    cumulative = low + core + (right - high)
    total = left + math.sqrt(2.0 * math.pi) * (ndtr(alpha_high) - ndtr(-alpha_low)) + right
    return np.asarray(np.diff(cumulative) / total, dtype=np.float64)


def _tail_integral(distance: FloatArray, alpha: float, power: float) -> FloatArray:
    """Return the integral of a tail from ``distance`` to infinity, the core being ``exp(-t**2 / 2)``."""
    scale = power / alpha
    base = 1.0 + (distance - alpha) / scale
    return np.asarray(math.exp(-0.5 * alpha**2) * scale / (power - 1.0) * base ** (1.0 - power), dtype=np.float64)


def template_fractions(edges: FloatArray, masses: FloatArray, *, n_total: int | None = None) -> FloatArray:
    """Return the part of simulated signal events in each bin, shape (bins,).

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    masses : array of shape (events,)
        Reconstructed masses of simulated signal, GeV.
    n_total : int, optional
        Events simulated, where some of them have no mass here; as many as there are masses otherwise.
    """
    total = len(masses) if n_total is None else n_total
    if total < 1 or total < len(masses):
        raise InputError(f"{len(masses)} simulated masses of {total} events make no template")
    return np.histogram(np.asarray(masses, dtype=np.float64), bins=edges)[0] / float(total)


def voigt_fractions(edges: FloatArray, *, mass: float, width: float, resolution: float) -> FloatArray:
    """Return the part of a resonance with a natural width, smeared by a Gaussian, in each bin, shape (bins,).

    Bins are integrated by Simpson's rule over a non-relativistic Breit-Wigner convolved with a Gaussian; the rest of
    its long tails lies outside the edges.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    mass, width : float
        Peak and full width at half maximum of the resonance, GeV.
    resolution : float
        Standard deviation of the detector, GeV.

    Examples
    --------
    >>> import numpy as np
    >>> voigt_fractions(np.array([80.0, 91.0, 102.0]), mass=91.0, width=2.5, resolution=1.0).round(3).tolist()
    [0.464, 0.464]
    """
    if width <= 0 or resolution <= 0:
        raise InputError(
            f"a width of {width:g} and a resolution of {resolution:g} GeV make no line shape; both must be positive"
        )
    bins = np.asarray(edges, dtype=np.float64)
    # steps well below the narrower of both widths
    steps = 2 * int(np.ceil(np.diff(bins).max() / (0.2 * min(width, resolution)))) + 2
    nodes = bins[:-1, None] + np.diff(bins)[:, None] * np.linspace(0.0, 1.0, steps + 1)
    density = voigt_profile(nodes - mass, resolution, 0.5 * width)
    weights = np.ones(steps + 1)
    weights[1:-1:2], weights[2:-1:2] = 4.0, 2.0
    return np.asarray(density @ weights * np.diff(bins) / (3.0 * steps), dtype=np.float64)
