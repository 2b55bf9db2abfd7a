"""Numbers as a reader wants them: rounded, with real minus signs and powers of ten."""

import math

from bumphunt.results import Interval, pdg_round

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NARROW = "\u202f"
"""Narrow no-break space, between groups of three digits and before a unit."""
SPACE = "\u00a0"
"""No-break space."""
MISSING = "–"


def p_value(p: float) -> str:
    """Return a probability with two digits.

    Examples
    --------
    >>> p_value(0.273), p_value(0.1), p_value(float("nan")), p_value(0.0)
    ('0.27', '0.10', '–', '0')
    >>> p_value(2.87e-7).split()
    ['2.9', '×', '10⁻⁷']
    """
    if not math.isfinite(p):
        return MISSING
    if p == 0.0:
        return "0"
    if p >= 0.00095:
        return f"{p:#.2g}"
    mantissa, exponent = f"{p:.1e}".split("e")
    return f"{mantissa}{SPACE}×{SPACE}10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def sigma(z: float) -> str:
    """Return a significance, ``'6.9 σ'`` with a narrow space."""
    return MISSING if not math.isfinite(z) else f"{z:.1f}{NARROW}σ".replace("-", "−")


def count(n: float | None) -> str:
    """Return a whole number in groups of three digits; None is what a saved result has in place of infinity."""
    return MISSING if n is None or not math.isfinite(n) else f"{n:,.0f}".replace(",", NARROW).replace("-", "−")


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits."""
    return MISSING if not math.isfinite(value) else f"{value:.{digits}g}".replace("-", "−")


def with_error(value: float, error: float) -> str:
    """Return ``value ± error``, rounded by the rule of the Particle Data Group."""
    if not math.isfinite(value):
        return MISSING
    text, uncertainty = pdg_round(value, error)
    return f"{text}{SPACE}±{SPACE}{uncertainty}".replace("-", "−")


def interval(value: Interval | None, unit: str = "") -> str:
    """Return a value with its 68 % interval and unit."""
    if value is None:
        return MISSING
    text = str(value).replace("-", "−").replace(" ", SPACE)
    return f"{text}{NARROW}{unit}" if unit else text


def interval_parts(value: Interval | None, unit: str = "", *, rest: str = "scale") -> str:
    """Return a value with its statistical error and the ``rest`` apart, where that is informative.

    Examples
    --------
    >>> interval_parts(Interval(value=3880.0, low=3830.0, high=3930.0, stat_low=3869.0, stat_high=3891.0)).split()
    ['3880', '±', '11', '(stat)', '±', '49', '(scale)']
    """
    if value is None:
        return MISSING
    text = value.in_parts(rest).replace("-", "−").replace(" ", SPACE)
    return f"{text}{NARROW}{unit}" if unit else text


def fraction(value: float) -> str:
    """Return a fraction in per cent."""
    return f"{100.0 * value:.3g}{NARROW}%"


def mass(value: float) -> str:
    """Return a mass as a whole number, or with decimals where it is small.

    Examples
    --------
    >>> mass(3662.82), mass(9.4603)
    ('3663', '9.46')
    """
    return MISSING if not math.isfinite(value) else f"{value:.{0 if abs(value) >= 100.0 else 2}f}"


def mass_range(low: float, high: float) -> str:
    """Return the ends of a window with a dash, with the same number of decimals."""
    digits = 0 if abs(high) >= 100.0 else 2
    return f"{low:.{digits}f}–{high:.{digits}f}"
