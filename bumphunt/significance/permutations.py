"""The largest of very many significances, without signal: fixed selections, permuted masses.

Where a selection knows nothing of mjj, every assignment of the masses to the events is as likely as the one observed.
The null of the maximum over all hypotheses, windows and cuts is then had by counting again. Beyond the permutations
the tail is that of the local p-value times a number of trials that grows slowly with z.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from bumphunt.errors import InputError
from bumphunt.significance.smooth_sidebands import Sidebands, excess_z, highest_z

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

BLOCK = 100
"""Permutations counted together ..."""

MOST_DRAWN = 20_000_000
"""... fewer where they would have more mass bins in all than this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selections:
    """Selections of one window and size: ``members`` (selections, kept) are the rows of the selected events.

    ``weights`` (kept,) are those of the events of every selection, best first, and ``sidebands`` say how they are
    counted, for one or several masses of the resonance.
    """

    sidebands: tuple[Sidebands, ...]
    members: IntArray
    weights: FloatArray


def significances(selections: Selections, bins: IntArray) -> FloatArray:
    """Return the significance of each mass and selection, (sidebands, selections), given every event's mass bin."""
    at, weights = bins[selections.members], selections.weights
    return np.stack(
        [excess_z(side.inside[at] @ weights, side.outside[at] @ weights, side.ratio) for side in selections.sidebands]
    )


def permuted_maxima(
    groups: Sequence[Selections], bins: IntArray, *, number: int, rng: np.random.Generator, threads: int = 1
) -> FloatArray:
    """Return the largest significance of all selections for each of so many permutations of the masses.

    Parameters
    ----------
    groups : sequence of Selections
        Everything that is searched.
    bins : int array of shape (events,)
        Mass bin of every event.
    number : int
        Permutations.
    rng : numpy.random.Generator
        Permutes.
    threads : int
        Groups that are looked at side by side.
    """
    from scipy.sparse import csr_array

    used = np.zeros(len(bins), dtype=bool)
    for group in groups:
        used[group.members] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    n_used, per_bin = int(used.sum()), np.bincount(bins)
    # each counts one: sum and sum of squares of the weights are equal, and so are mean and variance of the counts
    ones = np.ones(max(group.members.size for group in groups), dtype=np.float32)
    matrices: list[Any] = []
    for group in groups:
        rows, kept = group.members.shape
        starts = np.arange(rows + 1, dtype=np.int32) * kept
        columns = place[group.members.ravel()]
        matrices.append(csr_array((ones[: len(columns)], columns, starts), shape=(rows, n_used)))
    found = np.full(number, -np.inf)
    block = int(np.clip(MOST_DRAWN // max(n_used, 1), 1, BLOCK))
    with ThreadPoolExecutor(max_workers=threads) as pool:  # products with a sparse matrix leave the interpreter's lock
        for first in range(0, number, block):
            size = min(block, number - first)
            drawn = np.stack([_without_replacement(per_bin, n_used, rng) for _ in range(size)], axis=1)
            best = pool.map(partial(_highest_z, drawn=drawn), groups, matrices)
            found[first : first + size] = np.max(list(best), axis=0)
    return found


def _highest_z(group: Selections, matrix: Any, *, drawn: npt.NDArray[np.unsignedinteger[Any]]) -> FloatArray:
    """Return the largest significance of a group, (permutations,), given the bins of events, (events, permutations)."""
    best = np.full(drawn.shape[1], -np.inf)
    for side in group.sidebands:
        on = matrix @ side.inside.astype(np.float32)[drawn]
        expected = matrix @ side.outside.astype(np.float32)[drawn]
        best = np.maximum(best, highest_z(np.maximum(on, 0.0), expected, side.ratio))
    return best


def _without_replacement(
    per_bin: IntArray, number: int, rng: np.random.Generator
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Return the bins of so many of all events, in random order, as small numbers: there are very many."""
    taken = rng.multivariate_hypergeometric(per_bin, number, method="marginals")
    return np.asarray(
        rng.permutation(np.repeat(np.arange(len(per_bin)), taken)), dtype=np.min_scalar_type(len(per_bin))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Probability that the maximum exceeds z: ``1 - exp(-N(z) p(z))``, N(z) = exp(level + growth (z - at)).

    ``at`` is the median of the maxima; p is the one-sided normal tail. A fall of N, where local p-values are too
    cautious, is followed up to ``end``, the largest of the maxima, and no further.
    """

    level: float
    growth: float
    at: float
    end: float

    def p_value(self, z: float) -> float:
        """Return the global p-value of a local significance, at least the local p-value."""
        reach = max(min(z, self.end) if self.growth < 0 else z, self.at) - self.at
        exponent = self.level + self.growth * reach + float(log_ndtr(-z))
        return max(-math.expm1(-math.exp(min(exponent, 5.0))), math.exp(float(log_ndtr(-z))))


def fit_tail(maxima: FloatArray) -> Tail:
    """Return the tail of maxima without signal, by maximum likelihood to their upper half.

    For many correlated significances the number of effective trials grows like a power of z (arXiv:1005.1891 and its
    extension to more dimensions, 1105.4355); over the few units of z that matter, like an exponential.

    Examples
    --------
    The largest of a thousand independent normal numbers:

    >>> import numpy as np
    >>> z = np.random.default_rng(1).standard_normal((2000, 1000)).max(axis=1)
    >>> f"{fit_tail(z).p_value(5.0) / (1000 * 2.8665e-07):.1f}"
    '1.0'
    """
    maxima = np.sort(np.asarray(maxima, dtype=np.float64))
    if len(maxima) < 20:
        raise InputError(f"{len(maxima)} maxima are too few to fit a tail to; give at least 20")
    at = float(np.median(maxima))
    excess = maxima[maxima > at] - at
    places = at + excess
    log_p = log_ndtr(-places)
    # hazard of -log survival of the local p-value: density over tail
    slope = np.exp(-0.5 * places**2 - 0.5 * math.log(2.0 * math.pi) - log_p)
    below = len(maxima) - len(excess)
    best: tuple[float, Tail] | None = None
    # half of the maxima lie above the median, whatever the growth: this is the level, but for what the tail says
    centre = math.log(-math.log(1.0 - len(excess) / len(maxima))) - float(log_ndtr(-at))
    levels = centre + np.linspace(-0.2, 0.2, 21)
    for growth in np.linspace(-2.0, 2.0, 81):
        for level in levels:
            rate = np.exp(level + growth * excess + log_p)
            inner = math.exp(level + float(log_ndtr(-at)))
            density = np.log(rate) + np.log(np.maximum(slope - growth, 1e-9)) - rate
            likelihood = float(density.sum()) - below * inner
            if best is None or likelihood > best[0]:
                best = (likelihood, Tail(level=float(level), growth=float(growth), at=at, end=float(maxima[-1])))
    assert best is not None
    return best[1]
