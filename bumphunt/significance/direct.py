"""Direct background estimate: cut and count, without a shape of the mjj spectrum (arXiv:2411.00085).

A score that is independent of mjj in background passes the same part of it everywhere. The part that passes in the
sidebands, times the events in the window before the cut, is then the background after it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectEstimate:
    """Background in the window after the cut, with its standard error, from the sidebands' efficiencies."""

    expected: float
    error: float


def direct_estimate(
    mjj: FloatArray, selected: BoolArray, *, region: BoolArray, lower: BoolArray, upper: BoolArray
) -> DirectEstimate:
    r"""Return the background that the sidebands' efficiencies predict in the signal region.

    The efficiency is interpolated between the two sidebands in log mjj, so that a score which drifts linearly
    does no harm:

    .. math:: B = n_{SR}\,(a_L\,\varepsilon_L + a_U\,\varepsilon_U), \qquad a_L + a_U = 1.

    Signal among :math:`n_{SR}` makes the answer more cautious, by its part of the window before the cut.

    Parameters
    ----------
    mjj : array of shape (events,)
        Dijet masses in GeV.
    selected : bool array of shape (events,)
        Events that pass the cut.
    region, lower, upper : bool arrays of shape (events,)
        The signal region and the sidebands below and above it, clear of the tails of a resonance.

    Raises
    ------
    InputError
        If the region or a sideband is empty.

    Examples
    --------
    >>> import numpy as np
    >>> mjj = np.repeat([3000.0, 3500.0, 4083.0], [100, 50, 100])
    >>> selected = np.arange(250) % 10 == 0
    >>> found = direct_estimate(mjj, selected, region=mjj == 3500, lower=mjj < 3500, upper=mjj > 3500)
    >>> round(found.expected, 3), round(found.error, 3)
    (5.0, 1.118)
    """
    log_mass = np.log(np.asarray(mjj, dtype=np.float64))
    efficiencies, variances, places = [], [], []
    for name, side in (("lower sideband", lower), ("upper sideband", upper), ("signal region", region)):
        total = int(side.sum())
        if total == 0:
            raise InputError(f"the {name} holds no events; widen it or give more events")
        passing = float((selected & side).sum())
        efficiencies.append(passing / total)
        # no event that passes is a fluctuation of about one
        variances.append(max(passing, 1.0) / total**2)
        places.append(float(log_mass[side].mean()))
    below, above, here = places
    share = (here - below) / (above - below) if above > below else 0.5
    n_region = float(region.sum())
    return DirectEstimate(
        expected=n_region * ((1.0 - share) * efficiencies[0] + share * efficiencies[1]),
        error=n_region * float(np.sqrt((1.0 - share) ** 2 * variances[0] + share**2 * variances[1])),
    )
