r"""How small a signal a score can still find: the inclusive significance from which 5σ is reached. For studies only.

A cut with the significance improvement :math:`\mathrm{SIC} = \varepsilon_S/\sqrt{\varepsilon_B}`
(arXiv:1010.3698) turns an
inclusive significance :math:`S/\sqrt B` into :math:`\mathrm{SIC} \cdot S/\sqrt B`, for statistical errors only
and a background that is known. Hence :math:`\sigma_{min}`, the smallest inclusive significance with

.. math:: \sigma_{min} \cdot \max \mathrm{SIC}(\sigma_{min}) = 5

A classifier trained elsewhere has one SIC whatever the signal, and :math:`\sigma_{min} = 5/\max \mathrm{SIC}`. One
that learns from the data itself has a SIC that falls with the signal, and the equation is solved on a
series of injections. The equation is the definition, not a quotation: no paper is its source.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result
from bumphunt.scores.quality import MIN_BACKGROUND, SicResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SigmaMin(Result):
    """The inclusive significance from which ``target`` is still reached.

    Attributes
    ----------
    value, low, high : float
        It, and its 68 % interval; infinite (JSON: null, read back as NaN) where no injection tested reaches the target.
    is_bound : bool
        Even the smallest injection reaches the target, so that ``value`` is only an upper bound.
    target : float
        Significance to reach, in σ.
    inclusive, reached : numpy.ndarray
        The curve it was read from: significance before and after the best cut, shape (injections,).
    """

    value: float
    low: float
    high: float
    is_bound: bool
    target: float
    inclusive: FloatArray
    reached: FloatArray

    def __str__(self) -> str:
        relation = "<=" if self.is_bound else "="
        return f"{self.target:g} sigma from {relation} {self.value:.2f} sigma ({self.low:.2f} to {self.high:.2f})"


def sigma_min(result: SicResult, *, target: float = 5.0) -> SigmaMin:
    r"""Return :math:`\sigma_{min} = 5/\max \mathrm{SIC}` of a classifier that does not learn from the data searched.

    Only cuts that more than 25 background events pass are used. The interval is that of the SIC at the best cut; that
    the best of many was chosen biases the SIC upwards, so that :math:`\sigma_{min}` is optimistic on a small test.

    Parameters
    ----------
    result : SicResult
        From :func:`bumphunt.scores.quality.significance_improvement`.
    target : float
        Significance to reach, in σ.

    Raises
    ------
    InputError
        If no cut of the test leaves enough background, or ``target`` is not positive.
    """
    _check_target(target)
    if not np.isfinite(result.max_sic):
        raise InputError(
            f"no cut leaves more than {MIN_BACKGROUND} of {result.n_background} background events; use a larger test"
        )
    sic, band = result.max_sic, result.max_sic_band
    value = target / sic
    inclusive = np.array([0.0, value, target])
    return SigmaMin(
        value=value,
        low=target / (sic + band),
        high=target / (sic - band) if sic > band else float("inf"),
        is_bound=False,
        target=float(target),
        inclusive=inclusive,
        reached=sic * inclusive,
    )


def sigma_min_of_injections(inclusive: npt.ArrayLike, max_sic: npt.ArrayLike, *, target: float = 5.0) -> SigmaMin:
    r"""Return :math:`\sigma_{min}` of a classifier that learns from the data, from its SIC at several injections.

    Between injections the significance reached is interpolated linearly. Of several crossings the largest counts:
    above it the target is always reached.

    Parameters
    ----------
    inclusive : array_like
        :math:`S/\sqrt B` of each injection before any cut, shape (injections,), rising.
    max_sic : array_like
        Largest valid SIC at each, shape (injections,), or (trainings, injections): then the median is used, and the
        interval is where the 84 % and 16 % quantiles of the trainings reach the target.
    target : float
        Significance to reach, in σ.

    Raises
    ------
    InputError
        On shapes that do not agree, significances that do not rise from above 0, or a SIC that is negative or NaN.

    Examples
    --------
    >>> sigma_min_of_injections([0.5, 1.0, 2.0], [1.0, 3.0, 5.0]).value.__round__(3)
    1.286
    """
    _check_target(target)
    before, sic = np.asarray(inclusive, dtype=np.float64), np.atleast_2d(np.asarray(max_sic, dtype=np.float64))
    if before.ndim != 1 or len(before) < 2 or sic.ndim != 2 or sic.shape[1] != len(before) or len(sic) == 0:
        raise InputError(
            f"inclusive has shape {before.shape} and max_sic {np.shape(max_sic)}; "
            "give one significance per injection, at least 2, and one SIC for each"
        )
    if not (np.isfinite(before).all() and before[0] > 0 and (np.diff(before) > 0).all()):
        raise InputError(f"inclusive significances {before.tolist()} must be positive and rise")
    if not np.isfinite(sic).all() or (sic < 0).any():
        raise InputError("max_sic has NaN, infinite or negative values; leave those injections out")
    low, middle, high = np.quantile(sic * before, (0.16, 0.5, 0.84), axis=0)
    return SigmaMin(
        value=_crossing(before, middle, target),
        low=_crossing(before, high, target),
        high=_crossing(before, low, target),
        is_bound=bool((middle >= target).all()),
        target=float(target),
        inclusive=before,
        reached=middle,
    )


def _check_target(target: float) -> None:
    if not (target > 0 and np.isfinite(target)):
        raise InputError(f"target is {target}; give a positive significance")


def _crossing(before: FloatArray, reached: FloatArray, target: float) -> float:
    """Return the injection above which the target is always reached; infinity where the largest does not."""
    short = np.flatnonzero(reached < target)
    if len(short) == 0:
        return float(before[0])
    last = int(short[-1])
    if last == len(before) - 1:
        return float("inf")
    part = (target - reached[last]) / (reached[last + 1] - reached[last])
    return float(before[last] + part * (before[last + 1] - before[last]))
