"""Background of many selections at once, from their sidebands: efficiencies that may drift and bend with mjj.

A selection that is independent of mjj passes the same part of the background everywhere. What passes in the sidebands
then says how much passes in the window, as in :mod:`bumphunt.significance.direct`; here the efficiency may follow a
parabola in log mjj whose slope and curvature are held back by a prior. The estimate is linear in the counts, so that
one vector does for all selections of a size, and for their permutations.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtri

from bumphunt.errors import InputError
from bumphunt.statistics import SMALLEST_P

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SLOPE, CURVATURE = 0.5, 1.0
"""Expected size of the relative drift of an efficiency, and of its curvature, per unit of log mjj (squared)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sidebands:
    """How bins count for one mass: ``inside`` (bins,) times counts is what is found, ``outside`` times them expected.

    ``inside`` is scaled so that mean and variance of what is found agree, as for a plain count. ``ratio`` is that of
    the variance of the expectation to itself. Both hold where the efficiency is the same everywhere.
    """

    inside: FloatArray
    outside: FloatArray
    ratio: float


def sidebands(
    inclusive: FloatArray,
    edges: FloatArray,
    *,
    signal: FloatArray,
    side: BoolArray,
    part: float,
    prior: tuple[float, float] = (SLOPE, CURVATURE),
) -> Sidebands:
    r"""Return the weights with which selected events count, and those in the sidebands predict them.

    The efficiency is :math:`\varepsilon(t) = c\,(1 + a t + b t^2)`, t the log of mjj over the signal's centre; a
    and b have Gaussian priors of widths ``prior``. Weighted least squares with the variances
    of a constant efficiency ``part`` is linear in the counts. Events count by the ratio of signal to background in
    their bin, which has the greatest expected significance for rare signal.

    Parameters
    ----------
    inclusive : array of shape (bins,)
        Events before selection.
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    signal : array of shape (bins,)
        Share of signal in each bin, zero outside the window.
    side : bool array of shape (bins,)
        Bins of the sidebands, clear of a resonance's tails.
    part : float
        Part of the events that the selection keeps.
    prior : (float, float)
        Widths of the priors of slope and curvature.

    Examples
    --------
    A constant efficiency with tight priors, and signal in one bin, are the plain ratio and count:

    >>> import numpy as np
    >>> n, edges = np.array([300.0, 200.0, 100.0]), np.array([1.0, 2.0, 3.0, 4.0])
    >>> middle = np.array([False, True, False])
    >>> found = sidebands(n, edges, signal=1.0 * middle, side=~middle, part=0.1, prior=(1e-6, 1e-6))
    >>> float(found.inside @ [30, 20, 10]), float(found.outside.round(3) @ [30, 99, 10]), round(found.ratio, 3)
    (20.0, 20.0, 0.5)
    """
    if not (signal @ inclusive > 0 and inclusive[side].sum() > 0):
        raise InputError("the window or its sidebands hold no events; widen them or give more events")
    centres = np.log(0.5 * (edges[:-1] + edges[1:]))
    places = centres - float(np.average(centres, weights=signal))
    powers = places[:, None] ** np.arange(3)
    inside = signal / _smooth(inclusive, powers, side | (signal > 0))
    inside *= (inside @ inclusive) / (inside**2 @ inclusive)
    # in units of the number kept: the variance of a count of mean N c is N c, and the prior is on a / c and b / c
    information = powers[side].T @ (powers[side] * inclusive[side, None])
    information += np.diag([0.0, *(width**-2.0 for width in prior)]) / part
    outside = np.zeros(len(inclusive))
    outside[side] = powers[side] @ np.linalg.solve(information, powers.T @ (inside * inclusive))
    ratio = float((outside**2 * inclusive).sum() / max(float(outside @ inclusive), 1e-12))
    return Sidebands(inside=inside, outside=outside, ratio=ratio)


def weighted(side: Sidebands, weights: FloatArray, inclusive: FloatArray) -> Sidebands:
    """Return how bins count for a sum of weighted events that stands for a count.

    A sum of weighted Poisson counts is like a count that is scaled and shifted, so that its first three moments agree
    (the first two: Bohm and Zech, arXiv:1309.1287). Without the third, a few heavy events would seem rarer than
    they are. The shift is a multiple of the expected background and is taken from the sidebands.

    Parameters
    ----------
    side : Sidebands
        For plain counts.
    weights : array of shape (kept,)
        Weights of the selected events, of equal sum and sum of squares.
    inclusive : array of shape (bins,)
        Events before selection.

    Examples
    --------
    Equal weights in one bin change nothing:

    >>> import numpy as np
    >>> plain = Sidebands(inside=np.array([0.0, 1.0, 0.0]), outside=np.array([0.5, 0.0, 0.5]), ratio=0.5)
    >>> weighted(plain, np.ones(7), np.array([300.0, 200.0, 100.0])).inside.tolist()
    [0.0, 1.0, 0.0]
    """
    skew = (weights**3).sum() / (weights**2).sum()
    skew *= float((side.inside**3 * inclusive).sum() / (side.inside**2 * inclusive).sum())
    return Sidebands(
        inside=side.inside / skew - side.outside * (1.0 - 1.0 / skew) / skew,
        outside=side.outside / skew**2,
        ratio=side.ratio,
    )


def rank_weights(kept: int) -> FloatArray:
    """Return weights of the ``kept`` most signal-like events by their rank, of equal sum and sum of squares.

    ``log(1 + s/b)`` is what an event counts in a likelihood ratio. Down a list ordered by likelihood ratio, s/b of a
    signal that is just about visible falls about like one over the rank; it is one at two thirds of the list.

    Examples
    --------
    >>> rank_weights(4).round(2).tolist()
    [1.45, 0.8, 0.57, 0.44]
    """
    weights = np.log1p(_EVEN * kept / (np.arange(kept) + 0.5))
    weights = np.minimum(weights, _HEAVIEST)
    return np.asarray(weights * weights.sum() / (weights**2).sum(), dtype=np.float64)


_EVEN = 2.0 / 3.0
"""Rank, as a part of the list, at which signal is as dense as background."""
_HEAVIEST = 3.0
"""Largest weight of an event before scaling: no handful of events may decide."""


def _smooth(counts: FloatArray, powers: FloatArray, used: BoolArray) -> FloatArray:
    """Return the spectrum as a log-parabola: signal over background must not follow the counts' fluctuations."""
    filled = used & (counts > 0)
    if filled.sum() < 4:
        return np.maximum(counts, 1.0)
    root = np.sqrt(counts[filled])
    fitted = np.linalg.lstsq(powers[filled] * root[:, None], np.log(counts[filled]) * root, rcond=None)[0]
    return np.asarray(np.exp(np.clip(powers @ fitted, -50.0, 50.0)), dtype=np.float64)


def excess_p_values(on: FloatArray, expected: FloatArray, ratio: FloatArray | float) -> FloatArray:
    """Return the binomial p-value of ``on`` events or more on ``expected`` ones whose variance is ``ratio`` of them.

    As :func:`bumphunt.significance.p_values.on_off_p_value`, for whole arrays.

    Examples
    --------
    >>> import numpy as np
    >>> excess_p_values(np.array([3.0, 0.0]), np.array([0.0, 2.0]), 1.0).tolist()
    [0.125, 1.0]
    """
    off = np.maximum(expected, 0.0) / ratio
    share = np.broadcast_to(1.0 / (1.0 + 1.0 / np.asarray(ratio, dtype=np.float64)), np.shape(on))
    some = np.asarray(on) > 0
    p_values = np.ones(np.shape(on))
    p_values[some] = betainc(np.asarray(on)[some], off[some] + 1.0, share[some])
    return np.clip(p_values, SMALLEST_P, 1.0)


def excess_z(on: FloatArray, expected: FloatArray, ratio: FloatArray | float) -> FloatArray:
    """Return the significances of :func:`excess_p_values`."""
    return np.asarray(-ndtri(np.minimum(excess_p_values(on, expected, ratio), 1.0 - 1e-16)), dtype=np.float64)


def highest_z(on: npt.NDArray[np.floating], expected: npt.NDArray[np.floating], ratio: float) -> FloatArray:
    """Return the largest significance in each column, at least 0, shape (columns,), of arrays (rows, columns).

    The exact p-value is computed only where the likelihood ratio, far cheaper, comes near the largest of its column.
    """
    off = np.maximum(expected, 0.0) / ratio
    share = ratio / (1.0 + ratio)
    total = on + off
    tiny = np.float32(1e-12)
    first = on * np.log(np.maximum(on, tiny) / np.maximum(share * total, tiny))
    second = off * np.log(np.maximum(off, tiny) / np.maximum((1.0 - share) * total, tiny))
    rough = np.sqrt(2.0 * np.maximum(first + second, 0.0)) * np.sign(on - share * total)
    rows, columns = np.nonzero(rough > np.maximum(rough.max(axis=0) - _ROUGH, 0.0))
    exact = excess_z(on[rows, columns].astype(np.float64), expected[rows, columns].astype(np.float64), ratio)
    found = np.zeros(on.shape[1])
    np.maximum.at(found, columns, exact)
    return found


_ROUGH = 0.8
"""More than likelihood ratio and binomial p-value differ by in z, up to the few events of the tightest cuts."""
