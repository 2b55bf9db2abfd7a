"""How often a significance without signal exceeds a threshold, with the bounds that so many trials allow."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtr

from bumphunt.errors import InputError
from bumphunt.results import FloatArray, Result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FalseAlarms(Result):
    """Rates at which ``n_trials`` significances exceed thresholds, arrays of shape (thresholds,).

    ``upper`` and ``lower`` are exact binomial 95 % bounds, one-sided each (Clopper and Pearson); they take the trials
    for independent. ``nominal`` is the rate of a standard normal variable.
    """

    threshold: FloatArray
    count: FloatArray
    n_trials: int
    rate: FloatArray
    lower: FloatArray
    upper: FloatArray
    nominal: FloatArray

    def __str__(self) -> str:
        return "\n".join(
            f"above {z:g} sigma: {100 * rate:.2g} % of {self.n_trials} (95 % bound {100 * up:.2g} %), "
            f"nominal {100 * nominal:.2g} %"
            for z, rate, up, nominal in zip(self.threshold, self.rate, self.upper, self.nominal, strict=True)
        )


def false_alarms(z: npt.ArrayLike, *, thresholds: tuple[float, ...] = (1.0, 2.0, 3.0)) -> FalseAlarms:
    """Count how many significances of signal-free trials exceed each threshold.

    Parameters
    ----------
    z : array_like of shape (trials,)
        Significances, one per trial.
    thresholds : tuple of float
        In standard deviations.

    Raises
    ------
    InputError
        If there is no trial, or NaN among them.

    Examples
    --------
    No event in 59 trials excludes 5 %:

    >>> found = false_alarms([0.0] * 59, thresholds=(1.0,))
    >>> round(float(found.upper[0]), 3)
    0.05
    """
    values = np.asarray(z, dtype=np.float64).ravel()
    if len(values) == 0 or not np.isfinite(values).all():
        raise InputError("false alarms need at least one trial and no NaN or infinity among them")
    n = len(values)
    levels = np.asarray(thresholds, dtype=np.float64)
    count = np.array([float((values > level).sum()) for level in levels])
    # of no success the lower bound is 0, of nothing but successes the upper bound is 1
    some, all_of_them = count > 0, count == n
    upper = np.where(all_of_them, 1.0, betaincinv(count + 1.0, np.where(all_of_them, 1.0, n - count), 0.95))
    lower = np.where(some, betaincinv(np.where(some, count, 1.0), n - count + 1.0, 0.05), 0.0)
    return FalseAlarms(
        threshold=levels,
        count=count,
        n_trials=n,
        rate=count / n,
        lower=np.asarray(lower, dtype=np.float64),
        upper=np.asarray(upper, dtype=np.float64),
        nominal=np.asarray(ndtr(-levels), dtype=np.float64),
    )
