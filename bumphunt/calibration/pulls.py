"""Do intervals cover? Pulls and coverage of estimates whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.results import Interval, Result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PullSummary(Result):
    """Pulls of ``n`` intervals: mean and width with their standard errors, coverage, median relative error.

    A pull is value minus truth over the half of the interval that points at the truth; ``covered`` is the part of
    intervals that hold the truth, ``covered_twice`` that of intervals twice as long.
    """

    n: int
    mean: float
    mean_error: float
    width: float
    width_error: float
    covered: float
    covered_error: float
    covered_twice: float
    median_error: float

    def __str__(self) -> str:
        return (
            f"{self.n}: pull {self.mean:+.2f} ± {self.mean_error:.2f}, "
            f"width {self.width:.2f} ± {self.width_error:.2f}, "
            f"covered {100 * self.covered:.0f} ± {100 * self.covered_error:.0f} %, "
            f"median error {100 * self.median_error:.1f} %"
        )


def pulls_of(intervals: Sequence[Interval], truth: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return value minus truth over the half of each interval that points at the truth, shape (intervals,).

    Examples
    --------
    >>> pulls_of([Interval(value=1.0, low=0.0, high=3.0)], [2.0]).tolist()
    [-0.5]
    """
    expected = np.asarray(truth, dtype=np.float64)
    value, low, high = np.array([(each.value, each.low, each.high) for each in intervals], dtype=np.float64).T
    half = np.maximum(np.where(expected > value, high - value, value - low), 1e-12 * np.abs(expected) + 1e-300)
    return np.asarray((value - expected) / half, dtype=np.float64)


def summarise_pulls(intervals: Sequence[Interval], truth: npt.ArrayLike) -> PullSummary:
    """Compare intervals with the truth they should cover in 68 % of cases.

    Parameters
    ----------
    intervals : sequence of Interval
        Estimates with their 68 % intervals.
    truth : array_like of shape (intervals,)
        True values, in the same unit.

    Raises
    ------
    InputError
        If there are fewer than two, or numbers do not match.

    Examples
    --------
    >>> intervals = [Interval(value=1.0, low=0.0, high=2.0), Interval(value=5.0, low=4.0, high=6.0)]
    >>> found = summarise_pulls(intervals, [1.5, 3.0])
    >>> found.mean, found.covered
    (0.75, 0.5)
    """
    expected = np.asarray(truth, dtype=np.float64)
    if len(intervals) < 2 or expected.shape != (len(intervals),):
        raise InputError(f"{len(intervals)} intervals for truth of shape {expected.shape}; give at least 2 of each")
    pull = pulls_of(intervals, expected)
    value = np.array([each.value for each in intervals])
    n = len(pull)
    width = float(pull.std(ddof=1))
    covered = float((np.abs(pull) <= 1).mean())
    return PullSummary(
        n=n,
        mean=float(pull.mean()),
        mean_error=width / n**0.5,
        width=width,
        width_error=width / (2.0 * (n - 1)) ** 0.5,
        covered=covered,
        covered_error=float(np.sqrt(max(covered * (1 - covered), 1.0 / n) / n)),
        covered_twice=float((np.abs(pull) <= 2).mean()),
        median_error=float(np.median(np.abs(value / expected - 1.0))),
    )
