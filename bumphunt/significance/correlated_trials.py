r"""Global p-value of the largest of many correlated significances.

Neighbouring windows share events and cuts are nested, so that their significances are correlated and Šidák's formula
for independent trials asks too much. For jointly normal significances the probability that the largest exceeds ``z`` is

.. math:: P\Big(\bigcup_i A_i\Big) = \sum_i P(A_i)\; E[1 / N \mid A_i], \qquad A_i = \{z_i > z\},

with :math:`N` the number of trials that exceed. The expectation is drawn with :math:`z_i` beyond the threshold, so that
it costs the same at 1 and at 8 standard deviations (importance sampling of a union: Owen, Maximov and Chertkov,
arXiv:1710.06965).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtri_exp

from bumphunt.errors import InputError
from bumphunt.statistics import SMALLEST_P, p_from_z

FloatArray = npt.NDArray[np.float64]

DRAWS = 4000
"""Draws a trial: the p-value is then known to about one part in a hundred."""


def shared_weights(weights: Iterable[npt.NDArray[np.floating]]) -> FloatArray:
    """Return the correlation of sums of weights that share events, shape (trials, trials).

    Parameters
    ----------
    weights : iterable of arrays of shape (events,)
        What each event counts in each trial, 0 where it does not. One is in memory at a time.

    Returns
    -------
    array
        Sum of the products of both weights over the root of the sums of their squares: the correlation of two sums
        over Poisson numbers of events. A trial without events is independent of all others.

    Examples
    --------
    >>> import numpy as np
    >>> one, two, three = np.zeros((3, 300))
    >>> one[:100], two[:25], three[200:] = 1.0, 1.0, 2.0
    >>> shared_weights([one, two, three]).round(2).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    kept: list[tuple[npt.NDArray[np.int64], FloatArray]] = []
    n_events = 0
    for each in weights:
        rows = np.flatnonzero(each)
        kept.append((rows, each[rows].astype(np.float64)))
        n_events = len(each)
    found, first = np.eye(len(kept)), np.zeros(n_events)
    squares = [float(values @ values) for _, values in kept]
    for i, (rows, values) in enumerate(kept):
        first[rows] = values
        for j, (others, second) in enumerate(kept[:i]):
            product = squares[i] * squares[j]
            if product:
                found[i, j] = found[j, i] = float(second @ first[others]) / np.sqrt(product)
        first[rows] = 0.0
    return found


def largest_p_value(z: float, correlation: FloatArray, *, rng: np.random.Generator, draws: int = DRAWS) -> float:
    """Return the probability that the largest of correlated standard normal significances is ``z`` or more.

    Parameters
    ----------
    z : float
        The largest significance seen.
    correlation : array of shape (trials, trials)
        Correlation of the significances without signal.
    rng : numpy.random.Generator
        Draws the significances.
    draws : int
        Draws for each trial.

    Raises
    ------
    InputError
        If the matrix is not that of a correlation.

    Examples
    --------
    Independent trials give Šidák's formula, copies of one trial the local p-value:

    >>> import numpy as np
    >>> from bumphunt.statistics import p_from_z
    >>> found = largest_p_value(3.0, np.eye(10), rng=np.random.default_rng(1))
    >>> round(found / (1 - (1 - p_from_z(3.0)) ** 10), 2)
    1.0
    >>> round(largest_p_value(3.0, np.ones((10, 10)), rng=np.random.default_rng(1)) / p_from_z(3.0), 6)
    1.0
    """
    correlation = np.asarray(correlation, dtype=np.float64)
    number = len(correlation)
    if correlation.shape != (number, number) or not np.allclose(np.diag(correlation), 1.0):
        raise InputError(f"a correlation matrix has ones on its diagonal, not {np.diag(correlation)[:3]}...")
    root = _root(correlation)
    shares = np.empty(number)
    for i in range(number):
        beyond = _truncated_normal(z, draws, rng)
        free = rng.standard_normal((draws, root.shape[1])) @ root.T
        # conditioning on trial i: what it is moved by, all others follow in proportion to their correlation
        joint = free + (beyond - free[:, i])[:, None] * correlation[i]
        exceeding = (joint > z).sum(axis=1)
        shares[i] = np.mean(1.0 / np.maximum(exceeding, 1))
    return float(min(max(p_from_z(z) * shares.sum(), SMALLEST_P), 1.0))


def _root(correlation: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(correlation)
    # counts of shared events make a positive matrix; rounding alone takes its smallest eigenvalues below zero
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), dtype=np.float64)


def _truncated_normal(z: float, number: int, rng: np.random.Generator) -> FloatArray:
    """Draw standard normal numbers above ``z``, however rare they are."""
    uniform = rng.random(number)
    return np.maximum(-ndtri_exp(log_ndtr(-z) + np.log(np.maximum(uniform, 1e-300))), z)
