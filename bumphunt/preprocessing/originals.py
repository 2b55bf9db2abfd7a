"""Which of several rows that are one event is the original: by how its values are written, never by what they are.

A copy that went through half precision or a text of few digits is a rounding of the original, which is then the row
with more digits. A copy with noise on it is not; then the original has, if anything, fewer.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SINGLE, _DOUBLE = 24, 53  # bits of a mantissa
_FEW_DIGITS = {_SINGLE: 5, _DOUBLE: 14}  # decimal digits that as many bits can be told to have
_DIGITS_A_BIT = np.log10(2.0)
_LEAST, _MOST = 0.08, 1.02
"""Half steps of the last digit by which a rounding differs: at the median (0.25 as a rule, since numbers that end in 0
seem to have fewer digits), and at the 95 % quantile. Noise is much smaller or larger."""


def precision(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the significant digits of numbers as they are written, in binary or decimal, whichever is shorter.

    Parameters
    ----------
    values : array
        Finite numbers.

    Returns
    -------
    digits : array of the shape of ``values``
        Significant digits; 0 for a zero.
    unit : array of the shape of ``values``
        What one step of the last digit is.

    Examples
    --------
    >>> [round(float(digits), 1) for digits in precision(np.array([0.0, 0.5, 0.345, 3511.7, 1 / 3]))[0]]
    [0.0, 0.3, 3.0, 5.0, 16.0]
    >>> round(float(precision(np.array([float(np.float16(1 / 3))]))[0][0]), 1)
    3.3
    """
    size = np.abs(values).astype(np.float64)
    used = size > 0
    mantissa, exponent = np.frexp(np.where(used, size, 1.0))
    whole = np.ldexp(mantissa, _DOUBLE).astype(np.int64)
    bits = _DOUBLE - np.log2((whole & -whole).astype(np.float64))
    digits = bits * _DIGITS_A_BIT
    unit = np.ldexp(1.0, exponent - bits.astype(np.int64))
    power = np.floor(np.log10(np.where(used, size, 1.0)))
    for at_most in (_SINGLE, _DOUBLE):
        open_ = bits <= at_most if at_most == _SINGLE else bits > _SINGLE
        for number in range(1, _FEW_DIGITS[at_most] + 1):
            step = 10.0 ** (power - number + 1)
            steps = size / step
            here = open_ & (number < digits) & (np.abs(steps - np.rint(steps)) <= steps * 2.0 ** (1 - at_most))
            digits, unit = np.where(here, number, digits), np.where(here, step, unit)
            open_ &= ~here
    return np.where(used, digits, 0.0), np.where(used, unit, 0.0)


def preference(values: FloatArray, component: IntArray) -> FloatArray:
    """Return for each row how much speaks for its being the original, to be compared within a component.

    Parameters
    ----------
    values : array of shape (rows, columns)
        The measured columns, finite.
    component : int array of shape (rows,)
        Rows of one number are one event.
    """
    digits, unit = precision(values)
    total = digits.mean(axis=1)
    order = np.lexsort([total, component])
    starts = np.flatnonzero(np.append(True, np.diff(component[order]) != 0)) if len(order) else order
    ends = np.append(starts[1:], len(order)) - 1
    coarse, fine = order[starts], order[ends]
    differ = total[fine] > total[coarse]
    coarse, fine = coarse[differ], fine[differ]
    apart = np.abs(values[fine] - values[coarse])
    steps = (apart / np.maximum(0.5 * unit[coarse], 1e-300))[apart > 0]
    is_rounding = not len(steps) or bool(np.median(steps) > _LEAST and np.quantile(steps, 0.95) <= _MOST)
    speaks: FloatArray = total if is_rounding else -total
    return speaks
