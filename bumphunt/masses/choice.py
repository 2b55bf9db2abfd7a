"""A number of signal events counted where a search found most of them, and what is taken off for that.

Hypotheses, windows and cuts were tried on the same events, and masses are fitted to what the best of them kept. With k
numbers chosen so, twice the log likelihood at the best is larger than at the true ones by k on average (Wilks, Ann.
Math. Statist. 9 (1938) 60), so that an amplitude N of error s has N^2 too large by k s^2: little for a strong signal,
a fifth of N where it is three errors above zero.
"""

from dataclasses import replace

import numpy as np

from bumphunt.masses.constants import CHOICE_ERROR, MOST_CHOICE
from bumphunt.results import Interval, MassFit


def without_choice(fit: MassFit, choices: int) -> MassFit:
    """Return a fit whose number of signal events is lower by what was chosen along with it.

    Parameters
    ----------
    fit : MassFit
        To events of the best of all that was tried.
    choices : int
        Numbers that were chosen where the excess is largest.

    Returns
    -------
    MassFit
        The selected events stay; that more of the signal passes than a hypothesis fixed beforehand would keep is in
        ``efficiency``, and ``choice`` is the part taken off.
    """
    number = fit.n_signal
    if not choices or number.value <= 0.0:
        return fit
    down = number.value - (number.low if number.stat_low is None else number.stat_low)
    left = float(np.sqrt(1.0 - min(choices * (down / number.value) ** 2, MOST_CHOICE)))
    moved = (1.0 - left) * number.value
    return replace(
        fit,
        n_signal=_lower(number, moved),
        efficiency=fit.efficiency / left,
        efficiency_error=fit.efficiency_error / left,
        choice=1.0 - left,
    )


def _lower(number: Interval, moved: float) -> Interval:
    """Return an interval moved down, a part of that in its error."""
    value, error = number.value - moved, CHOICE_ERROR * moved
    low = max(value - float(np.hypot(number.value - number.low, error)), 0.0)
    high = value + float(np.hypot(number.high - number.value, error))
    if number.stat_low is None or number.stat_high is None:
        return Interval(value=value, low=low, high=high)
    stat_low = max(number.stat_low - moved, 0.0)
    return Interval(value=value, low=low, high=high, stat_low=stat_low, stat_high=number.stat_high - moved)
