"""A sharper or blunter detector: the core of a response made narrower or wider, its tails left where they are.

What lies far from the peak is what physics does (a decay that leaks out of the jet, radiation): no detector moves it.
An offset v from the peak in a detector whose core is k times as wide is one of

    u = v (1 + (1/k - 1) w^2 / (v^2 + w^2))

in the nominal one: v/k at the peak, v far beyond w.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_TABLE = np.linspace(-6.0, 6.0, 4801)


def to_nominal(offset: FloatArray, factor: float, core: float) -> tuple[FloatArray, FloatArray]:
    """Return the offsets in the nominal detector and the derivative by which densities change.

    Parameters
    ----------
    offset : array
        Logarithm of a mass less that of the peak.
    factor : float
        Width of the core over the nominal one, above 1/9.
    core : float
        How far the core reaches.

    Examples
    --------
    >>> import numpy as np
    >>> nominal, derivative = to_nominal(np.array([0.0, 0.01, 2.0]), 0.5, 0.2)
    >>> nominal.round(3).tolist(), derivative.round(2).tolist()
    ([0.0, 0.02, 2.02], [2.0, 1.99, 0.99])
    """
    if factor == 1.0:
        return offset, np.ones_like(offset)
    change, squared = (1.0 / factor - 1.0) * core**2, offset**2
    below = squared + core**2
    return offset * (1.0 + change / below), 1.0 + change * (core**2 - squared) / below**2


def from_nominal(offset: FloatArray, factor: float, core: float) -> FloatArray:
    """Return where a detector with another core has offsets of the nominal one; undoes :func:`to_nominal`."""
    if factor == 1.0:
        return offset
    found = np.interp(offset, to_nominal(_TABLE, factor, core)[0], _TABLE)
    nominal, derivative = to_nominal(found, factor, core)
    # a step of Newton's makes the table's kinks vanish; where the derivative does, the table stands
    derivative = np.maximum(derivative, 0.2)
    return np.asarray(found - (nominal - offset) / derivative, dtype=np.float64)
