"""Ranks, the one scale that models of different folds share, and tables that give events from outside a rank."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results.base import short_repr

TOP = 0.05
"""The most anomalous part of the events, in which a table keeps every value: there the cuts lie."""

_KNOTS = 1_000
_FEW_VALUES = 1 << 16

_THINNED = 16
"""One of so many values is looked at first, where a few of the largest are wanted."""

LEAST_BITS = 8
"""Bits of the ties in a key below which so many keys would be equal that it is no gain."""


def ranks(score: FloatArray, *, ties: FloatArray) -> FloatArray:
    """Return the rank of each score divided by their number, in (0, 1), shape (events,).

    Parameters
    ----------
    score : array of shape (events,)
        Higher is more anomalous.
    ties : array of shape (events,)
        Order of events of equal score. Taken from the events themselves, not from their place in the file, it makes
        ranks independent of the order of rows.

    Examples
    --------
    >>> import numpy as np
    >>> ranks(np.array([0.3, 0.1, 0.3, 0.2]), ties=np.array([0.9, 0.4, 0.5, 0.1])).tolist()
    [0.875, 0.125, 0.625, 0.375]
    """
    result = np.empty(len(score), dtype=np.float64)
    result[_order(score, ties)] = (np.arange(len(score)) + 0.5) / len(score)
    return result


def _order(score: FloatArray, ties: FloatArray) -> npt.NDArray[np.intp]:
    """Return what ``np.lexsort((ties, score))`` does, several times faster.

    Sorts that may exchange equal values are vectorised, and whole numbers of 16 bits are sorted in two passes.
    """
    order = np.argsort(score)
    ordered = score[order]
    if not len(score) or np.isnan(ordered[-1]):
        return np.lexsort((ties, score))
    new = ordered[1:] != ordered[:-1]
    distinct = int(new.sum()) + 1
    if distinct == len(score):
        return order
    if distinct > _FEW_VALUES:
        return np.lexsort((ties, score))
    value = np.empty(len(score), dtype=np.uint16)
    value[order[0]] = 0
    value[order[1:]] = np.cumsum(new)
    by_ties = np.argsort(ties)
    rising = ties[by_ties]
    if not (rising[1:] > rising[:-1]).all():
        return np.lexsort((ties, score))
    return by_ties[np.argsort(value[by_ties], kind="stable")]


def grouped_ranks(values: FloatArray, group: npt.NDArray[np.integer], *, ties: FloatArray) -> FloatArray:
    """Return ``ranks(values[group], ties=ties)``, shape (events,), faster: whole numbers are sorted, and none moved.

    Parameters
    ----------
    values : array of shape (groups,)
        Higher is more anomalous.
    group : int array of shape (events,)
        Whose value each event has.
    ties : array of shape (events,)
        Order of events of equal score.

    Examples
    --------
    >>> grouped_ranks(np.array([0.3, 0.1]), np.array([0, 1, 0]), ties=np.array([0.9, 0.4, 0.5])).round(2).tolist()
    [0.83, 0.17, 0.5]
    """
    result = np.empty(len(group), dtype=np.float64)
    result[_grouped_order(values, group, ties)] = (np.arange(len(group)) + 0.5) / len(group)
    return result


def _grouped_order(values: FloatArray, group: npt.NDArray[np.integer], ties: FloatArray) -> npt.NDArray[np.intp]:
    """Return what ``np.lexsort((ties, values[group]))`` does."""
    by_value = np.argsort(values)
    ordered = values[by_value]
    place = np.zeros(len(values), dtype=np.uint64)
    place[by_value[1:]] = np.cumsum(ordered[1:] != ordered[:-1], dtype=np.uint64)
    row_bits, value_bits = len(group).bit_length(), len(values).bit_length()
    tie_bits = 64 - row_bits - value_bits
    if not len(group) or np.isnan(ordered[-1]) or not (ties.min() >= 0.0 and ties.max() < 1.0) or tie_bits < LEAST_BITS:
        return np.lexsort((ties, values[group]))
    # place of the value, first digits of the tie, row: one number, of which the rows are read off when it is sorted
    key = place[group] << np.uint64(tie_bits)
    key |= (ties * 2.0**tie_bits).astype(np.uint64)
    key = (key << np.uint64(row_bits)) | np.arange(len(group), dtype=np.uint64)
    key.sort()
    order = (key & np.uint64((1 << row_bits) - 1)).astype(np.intp)
    key >>= np.uint64(row_bits)
    equal = key[1:] == key[:-1]
    if equal.any():  # further digits of the ties decide
        where = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
        rows = np.sort(order[where])
        order[where] = rows[np.lexsort((ties[rows], values[group[rows]]))]
    return np.asarray(order, dtype=np.intp)


def largest(values: FloatArray, number: int) -> npt.NDArray[np.intp]:
    """Return the places of so many of the largest values, (values,), the largest first and the first of equals.

    Examples
    --------
    >>> import numpy as np
    >>> largest(np.array([0.1, 0.5, 0.3, 0.5]), 3).tolist()
    [1, 3, 2]
    """
    among = np.arange(len(values))
    thinned = values[::_THINNED]
    enough = 2 * number // _THINNED + _THINNED
    if enough < len(thinned):  # what part of the values can be among them is told by a part of them
        bound = np.partition(thinned, len(thinned) - enough)[len(thinned) - enough]
        within = np.flatnonzero(values >= bound)
        among = within if len(within) >= number else among
    found = values[among]
    last = np.partition(found, len(found) - number)[len(found) - number]
    equal = np.flatnonzero(found == last)
    above = np.flatnonzero(found > last)
    chosen = np.sort(np.concatenate([above, equal[: number - len(above)]]))
    return np.asarray(among[chosen[np.argsort(-found[chosen], kind="stable")]], dtype=np.intp)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankTable:
    """The distribution of a score in a sample: exact in its most anomalous 5 %, a thousand quantiles below.

    Parameters
    ----------
    values : array of shape (knots,)
        Different scores, rising.
    below, upto : arrays of shape (knots,)
        Parts of the sample strictly below each and up to it.
    """

    values: FloatArray
    below: FloatArray
    upto: FloatArray

    __repr__ = short_repr

    @classmethod
    def of(cls, score: FloatArray) -> Self:
        """Make the table of a sample of scores.

        Raises
        ------
        InputError
            If there are none.
        """
        if not len(score):
            raise InputError("a table of ranks needs scores; the sample is empty")
        values, counts = np.unique(np.asarray(score, dtype=np.float64), return_counts=True)
        upto = np.cumsum(counts) / len(score)
        below = upto - counts / len(score)
        bulk = np.searchsorted(below, np.linspace(0.0, 1.0 - TOP, _KNOTS))
        kept = np.unique(np.concatenate([[0], bulk, np.flatnonzero(upto > 1.0 - TOP)]))
        kept = kept[kept < len(values)]
        return cls(values=values[kept], below=below[kept], upto=upto[kept])

    def rank(self, score: FloatArray, *, ties: FloatArray) -> FloatArray:
        """Return the rank that scores from outside would have in the sample, in [0, 1].

        Parameters
        ----------
        score : array of shape (events,)
            Of the same model.
        ties : array of shape (events,)
            Uniform in [0, 1): where among the events of equal score each would come.

        Examples
        --------
        >>> import numpy as np
        >>> table = RankTable.of(np.array([1.0, 1.0, 2.0, 3.0]))
        >>> table.rank(np.array([0.0, 1.0, 1.0, 2.5, 4.0]), ties=np.array([0.5, 0.0, 0.5, 0.5, 0.5])).tolist()
        [0.0, 0.0, 0.25, 0.75, 1.0]
        """
        above = np.searchsorted(self.values, score, side="right")
        knot = np.maximum(above - 1, 0)
        after = np.minimum(above, len(self.values) - 1)
        low, high = self.values[knot], self.values[after]
        part = np.divide(score - low, high - low, out=np.zeros(len(knot)), where=high > low)
        between = self.upto[knot] + part * (self.below[after] - self.upto[knot])
        between = np.where(above == 0, 0.0, np.where(above == len(self.values), 1.0, between))
        equal = (above > 0) & (score == low)
        return np.where(equal, self.below[knot] + ties * (self.upto[knot] - self.below[knot]), between)
