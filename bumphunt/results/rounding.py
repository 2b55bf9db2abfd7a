"""Numbers as text: rounded by the rule of the Particle Data Group, and masses."""

import math


def pdg_round(value: float, error: float) -> tuple[str, str]:
    """Return value and error as text, rounded by the rule of the Particle Data Group.

    The error keeps two digits where its first three lie in 100-354, one in 355-949, and becomes
    1000 above; the value is given to the same place.

    Examples
    --------
    >>> pdg_round(3498.43, 12.34), pdg_round(0.8271, 0.0119), pdg_round(102.37, 0.96), pdg_round(5.0, 0.0)
    (('3498', '12'), ('0.827', '0.012'), ('102.4', '1.0'), ('5', '0'))
    """
    if not math.isfinite(error) or error <= 0:
        return f"{value:.4g}", f"{error:.2g}"
    exponent = math.floor(math.log10(error))
    leading = round(error / 10.0 ** (exponent - 2))
    if leading >= 950:
        exponent, decimals = exponent + 1, -exponent
        error = 10.0**exponent  # and not 0.95, which rounds to 0.9
    else:
        decimals = (1 if leading < 355 else 0) - exponent
    shown = max(decimals, 0)
    return f"{round(value, decimals):.{shown}f}", f"{round(error, decimals):.{shown}f}"


def mass_text(mass: float) -> str:
    """Return a mass as text: whole from 100 GeV on, four digits below, where a whole GeV would be too coarse.

    Examples
    --------
    >>> mass_text(3823.4), mass_text(90.8312), mass_text(9.34)
    ('3823', '90.83', '9.34')
    """
    return f"{mass:.0f}" if abs(mass) >= 100.0 or mass == 0.0 else f"{mass:.4g}"


def mass_range(low: float, high: float, to: str = "-") -> str:
    """Return a range of masses as text, see :func:`mass_text`.

    Examples
    --------
    >>> mass_range(3300.0, 3700.0), mass_range(9.34, 9.58, " to ")
    ('3300-3700', '9.34 to 9.58')
    """
    return f"{mass_text(low)}{to}{mass_text(high)}"


def empty_window(low: float, high: float, first: float, last: float) -> str:
    """Return what to say of a window that holds no bin of those from ``first`` to ``last`` GeV.

    Examples
    --------
    >>> empty_window(3.3, 3.7, 3000.0, 6000.0)
    'the window 3.3-3.7 GeV holds no bin (is it in TeV?); give low < high between 3000 and 6000 GeV, the searched range'
    """
    hint = ""
    for unit, factor in (("TeV", 1e3), ("MeV", 1e-3)):
        if first <= factor * low < factor * high <= last:
            hint = f" (is it in {unit}?)"
    return (
        f"the window {low:g}-{high:g} GeV holds no bin{hint}; "
        f"give low < high between {mass_range(first, last, ' and ')} GeV, the searched range"
    )
