"""Copies of events, found by content: exact ones, and the same event after rounding.

A copied event counts twice in every histogram and stands on both sides of every fold, so that copies of signal-free
events make discoveries. Independent events may agree too, where columns are few or coarse: these are counted
upon, and only an excess over them is taken for copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.events import IDENTIFIERS
from bumphunt.preprocessing.coincidences import SAMPLE, pairs_in_cells, scaled, typical_size
from bumphunt.preprocessing.content import Keys, column_hash, content_hash, mixed
from bumphunt.preprocessing.evidence import (
    LEAST_CONTINUOUS,
    common_values,
    expected_agreements,
    is_excess,
    starts,
    telling_rows,
)
from bumphunt.preprocessing.measured import measured_columns
from bumphunt.preprocessing.near_pairs import HASHED, near_pairs, repeated
from bumphunt.preprocessing.originals import preference
from bumphunt.preprocessing.rounded import MOST_ROUNDINGS, Rounded, find_rounded

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TOLERANCES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""How far near-copies may differ, relative: single precision, jitter, five digits of text, half precision, whole GeV.

Each range is judged by itself, so that chance on the widest is not taken for rounding, until one holds copies."""

INFORMATIVE_IDENTIFIERS = 0.01
"""Identifiers tell events apart if at most this share of pairs of different events agrees in them."""

_CHUNK = 1 << 16
_MOST_CANDIDATES = 3.0  # pairs in cells for each event, above which a smaller tolerance has to do


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """Which rows are copies of which.

    Parameters
    ----------
    kept_row : int array of shape (events,)
        For each row the one that stands for its event, itself where it is kept.
    n_exact, n_near : int
        Rows to drop: equal to the one kept in every measured column, and equal up to rounding.
    n_undecided : int
        Rows that agree with another one but are kept, since independent events may agree as well.
    expected : float
        Pairs of independent events that agree exactly, at most; 0 where none had to be expected.
    columns : tuple of str
        The measured columns that were compared.
    n_continuous : int
        How many of them are fine enough to tell events apart.
    n_suspected, n_alike : int
        Rows that are probably roundings of others, among so many that look like it; they are kept.
    """

    kept_row: IntArray
    n_exact: int
    n_near: int
    n_undecided: int
    expected: float
    columns: tuple[str, ...]
    n_continuous: int
    n_suspected: int = 0
    n_alike: int = 0

    @property
    def keep(self) -> BoolArray:
        """Which rows to keep, shape (events,)."""
        kept: BoolArray = self.kept_row == np.arange(len(self.kept_row))
        return kept

    def sentences(self) -> tuple[str, ...]:
        """Return what to tell the user, a sentence each; none where no rows agree."""
        said = []
        total = len(self.kept_row)
        if self.n_exact:
            said.append(f"{self.n_exact} of {total} rows are copies of another row and were dropped")
        if self.n_near:
            said.append(f"{self.n_near} of {total} rows repeat another row up to rounding and were dropped")
        if self.n_undecided:
            why = (
                "the table has too few fine columns to tell copies from chance"
                if self.n_continuous < LEAST_CONTINUOUS
                else f"up to {self.expected:.2g} pairs would by chance"
            )
            said.append(
                f"{self.n_undecided} of {total} rows agree with another row in all of {', '.join(self.columns)} and "
                f"were kept: {why}; if they are copies, remove them"
            )
        if self.n_suspected:
            said.append(
                f"about {self.n_suspected} of {total} rows are probably roundings of other rows and were kept: "
                f"{self.n_alike} look like it, and which of them are chance cannot be told; remove the copies"
            )
        return tuple(said)


def find_copies(
    table: pd.DataFrame, *, columns: Sequence[str] | None = None, identifiers: Sequence[str] = IDENTIFIERS
) -> Copies:
    """Find rows that are the same event.

    Rows that are roundings of others are copies where that is improbable by chance
    (:mod:`bumphunt.preprocessing.rounded`); the finer row is kept. Rows that agree in every column and in identifiers
    that tell events apart are always copies. Otherwise rows that agree in the measured columns are copies if there are
    more than chance allows (:mod:`bumphunt.preprocessing.evidence`), whatever their identifiers, weights and labels
    say; if not, they are kept and counted in ``n_undecided``. Rows that share an identifier but differ in content are
    two events. The row kept of each event is the one that is written most precisely, and of equal ones the first in the
    order of content, so that the events kept do not depend on the order of rows.

    Parameters
    ----------
    table : pandas.DataFrame
        The events, jets ordered by mass.
    columns : sequence of str, optional
        The measured columns, in all of which a copy must agree; by default :func:`measured_columns`.
    identifiers : sequence of str
        Columns that number events.

    Returns
    -------
    Copies
        What to keep, what to drop, and what to say.
    """
    names = measured_columns(table, identifiers=identifiers) if columns is None else tuple(sorted(set(columns)))
    rounded = _Roundings([_finite(table[name].to_numpy()) for name in names])
    rounded.search()
    left = rounded.left
    found = _agreeing(table if len(left) == len(table) else table.iloc[left], names, identifiers)
    rounded.drop(np.flatnonzero(~found.keep), found.kept_row[~found.keep])
    if found.n_near or rounded.last.suspected:  # copies among the finer rows look like coincidences
        rounded.search()
    kept_row = rounded.kept_row
    return replace(
        found,
        kept_row=kept_row,
        n_near=int((kept_row != np.arange(len(table))).sum()) - found.n_exact,
        n_suspected=rounded.last.suspected,
        n_alike=rounded.last.agreeing,
    )


class _Roundings:
    """Takes rounded copies out of a table, kind after kind; ``last`` is what was found when no more were."""

    def __init__(self, values: list[npt.NDArray[np.generic]]) -> None:
        self.values = values
        self.left = np.arange(len(values[0]) if values else 0)
        self.stands_for = self.left.copy()
        self.last = Rounded()

    @property
    def kept_row(self) -> IntArray:
        """For each row the one that stands for it, however often that was removed itself."""
        kept = self.stands_for
        while (kept[kept] != kept).any():
            kept = kept[kept]
        return kept

    def search(self) -> None:
        """Drop roundings of what is left."""
        for _ in range(MOST_ROUNDINGS):
            values = [column[self.left] for column in self.values]
            keys = content_hash(values, len(self.left))
            self.last = find_rounded(values, _sample(np.unique(keys, return_index=True)[1], keys), keys)
            if not len(self.last.rows):
                return
            self.drop(self.last.rows, self.last.originals)

    def drop(self, rows: IntArray, originals: IntArray) -> None:
        """Drop rows, counted among those that are left."""
        self.stands_for[self.left[rows]] = self.left[originals]
        self.left = np.delete(self.left, rows)


def _sample(different: IntArray, keys: Keys) -> IntArray:
    """Return at most as many rows as estimates need, chosen by content, not by place."""
    if len(different) <= SAMPLE:
        return different
    different_keys = keys[different]
    sampled: IntArray = different[different_keys <= np.partition(different_keys, SAMPLE)[SAMPLE]]
    return sampled


def _scaled_rows(rows: IntArray, values: list[npt.NDArray[np.generic]], typical: FloatArray) -> FloatArray:
    """Return some rows on the scale of tolerances, shape (rows, columns)."""
    found = np.empty((len(rows), len(values)))
    for number, column in enumerate(values):
        found[:, number] = scaled(column[rows].astype(np.float64), typical[number])
    return found


def _agreeing(table: pd.DataFrame, names: tuple[str, ...], identifiers: Sequence[str]) -> Copies:
    """Find rows that agree in all columns, exactly or to within a relative difference."""
    values = [_finite(table[name].to_numpy()) for name in names]
    keys = content_hash(values, len(table))
    rows, group = repeated(keys) if names else (np.empty(0, np.int64), np.empty(0, np.int64))
    distinct = np.ones(len(table), dtype=bool)
    distinct[rows] = False
    distinct[rows[starts(group)]] = True
    different = np.flatnonzero(distinct)
    sampled = _sample(different, keys)
    typical = np.array([typical_size(column[sampled].astype(np.float64)) for column in values])
    sample = _scaled_rows(sampled, values, typical)
    common = [common_values(column) for column in sample.T]
    n_continuous = sum(values_of is not None for values_of in common)
    links: list[tuple[IntArray, IntArray]] = []
    undecided, expected = 0, 0.0
    ids = [name for name in identifiers if name in table.columns]
    same_id = _SameIdentifier(table, ids, sampled)
    if n_continuous >= LEAST_CONTINUOUS:
        links += _near_links(table, values, typical, sample, sampled, common, different, keys, same_id)
    if len(rows):
        # without its near-copies the sample holds independent events only
        alone = ~np.isin(sampled, _one_of_each(links, keys))
        # each row of a group with the first of it
        first = rows[starts(group)][group]
        pair = first != rows
        first, second = first[pair], rows[pair]
        telling = telling_rows(first, values, typical, common)
        if telling.any():
            tied = _scaled_rows(first[telling], values, typical)
            expected = expected_agreements(sample[alone], common, len(table), 0.0, tied=tied)
        taken = _judged(telling, same_id(first, second), expected, same_id.share)
        if same_id.share <= INFORMATIVE_IDENTIFIERS:
            links.append(_equal_in_every_column(table, rows, keys))
        links.append((first[taken], second[taken]))
        undecided = int((~taken).sum())
    kept_row = _original(table, values, names, keys, links)
    dropped = np.flatnonzero(kept_row != np.arange(len(table)))
    n_exact = int((keys[dropped] == keys[kept_row[dropped]]).sum())
    return Copies(
        kept_row=kept_row,
        n_exact=n_exact,
        n_near=len(dropped) - n_exact,
        n_undecided=max(len(rows) - len(starts(group)) - len(dropped), 0) if undecided else 0,
        expected=expected,
        columns=names,
        n_continuous=n_continuous,
    )


class _SameIdentifier:
    """Which pairs of rows share their identifiers, and which ``share`` of different events does so by chance."""

    def __init__(self, table: pd.DataFrame, names: list[str], sampled: IntArray):
        self.keys: Keys | None = None
        self.share = 1.0
        if names:
            self.keys = column_hash(table, names, np.arange(len(table)))
            ordered = np.sort(self.keys[sampled])
            counts = np.diff(np.append(starts(ordered), len(ordered))).astype(np.float64)
            pairs = max(len(sampled) * (len(sampled) - 1) / 2, 1)
            if len(counts) > 1:
                self.share = min((float(counts @ (counts - 1)) / 2 + 1) / pairs, 1.0)

    def __call__(self, first: IntArray, second: IntArray) -> BoolArray:
        if self.keys is None:
            return np.zeros(len(first), dtype=bool)
        same: BoolArray = self.keys[first] == self.keys[second]
        return same


def _judged(telling: BoolArray, same_id: BoolArray, expected: float, share: float) -> BoolArray:
    """Return which pairs are copies: all that tell anything, those of one identifier, or none, shape (pairs,)."""
    if is_excess(int(telling.sum()), expected):
        return telling
    both = telling & same_id
    return both if is_excess(int(both.sum()), expected * share) else np.zeros_like(both)


def _near_links(
    table: pd.DataFrame,
    values: list[npt.NDArray[np.generic]],
    typical: FloatArray,
    sample: FloatArray,
    sampled: IntArray,
    common: list[FloatArray | None],
    different: IntArray,
    keys: Keys,
    same_id: _SameIdentifier,
) -> list[tuple[IntArray, IntArray]]:
    """Return the pairs of rows that are copies up to rounding."""
    fine = [number for number, values_of in enumerate(common) if values_of is not None]
    selective = _selective(sample, fine)
    per_pair = (len(different) / max(len(sample), 1)) ** 2
    for tolerance in TOLERANCES[::-1]:
        candidates = pairs_in_cells(sample[:, selective], (len(selective) + 1) * tolerance) * per_pair
        if candidates <= _MOST_CANDIDATES * len(different) + 1e5:
            break
    first, second, distance = near_pairs(values, typical, selective, different, tolerance)
    if not len(first):
        return []
    # without one of each pair the sample holds no copies
    alone = ~np.isin(sampled, _one_of_each([(first, second)], keys))
    telling = telling_rows(first, values, typical, common)
    same = same_id(first, second)
    links, accepted = [], False
    # from the widest range on: where its pairs are copies, closer ones are
    for low, high in zip((-1.0, *TOLERANCES[:-1])[::-1], TOLERANCES[::-1], strict=True):
        inside = np.flatnonzero((distance > low) & (distance <= high))
        if not telling[inside].any():
            continue
        taken = telling[inside]
        if not accepted:
            expected = expected_agreements(sample[alone], common, len(table), high)
            taken = _judged(telling[inside], same[inside], expected, same_id.share)
            accepted = bool(taken.any() and (taken == telling[inside]).all())
        links.append((first[inside[taken]], second[inside[taken]]))
    return links


def _one_of_each(links: list[tuple[IntArray, IntArray]], keys: Keys) -> IntArray:
    """Return one row of each pair, chosen by content."""
    ones = [np.where(keys[first] > keys[second], first, second) for first, second in links]
    return np.concatenate([np.empty(0, dtype=np.int64), *ones])


def _selective(sample: FloatArray, fine: list[int]) -> list[int]:
    """Return the few columns in which together the fewest pairs agree."""
    chosen: list[int] = []
    while len(chosen) < min(HASHED, len(fine)):
        left = [number for number in fine if number not in chosen]
        agreeing = [pairs_in_cells(sample[:, [*chosen, number]], (HASHED + 1) * TOLERANCES[-1]) for number in left]
        chosen.append(left[int(np.argmin(agreeing))])
    return chosen


def _equal_in_every_column(table: pd.DataFrame, rows: IntArray, keys: Keys) -> tuple[IntArray, IntArray]:
    """Return the pairs of the given rows that agree in every column of the table."""
    whole = mixed(keys[rows] ^ column_hash(table, list(table.columns), rows))
    places, group = repeated(whole)
    same = rows[places]
    return same[starts(group)][group], same


def _original(
    table: pd.DataFrame,
    values: list[npt.NDArray[np.generic]],
    names: Sequence[str],
    keys: Keys,
    links: list[tuple[IntArray, IntArray]],
) -> IntArray:
    """Return for each row the row that stands for it among all that are linked to it."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    kept_row = np.arange(len(table), dtype=np.int64)
    first, second = (np.concatenate([link[side] for link in links] or [kept_row[:0]]) for side in (0, 1))
    if not len(first):
        return kept_row
    linked = np.zeros(len(table), dtype=bool)
    linked[first] = linked[second] = True
    rows = np.flatnonzero(linked)
    place = np.cumsum(linked) - 1
    ends = place[first], place[second]
    graph = coo_array((np.ones(len(first), dtype=np.int8), ends), shape=(len(rows), len(rows)))
    component = connected_components(graph, directed=False)[1].astype(np.int64)
    measured = np.stack([column[rows].astype(np.float64) for column in values], axis=1)
    # then by a hash of all there is: rows that share it are interchangeable, and the choice favours no value
    rest = [name for name in table.columns if name not in names]
    whole = mixed(keys[rows] ^ column_hash(table, rest, rows))
    order = np.lexsort([whole, -preference(measured, component), component])
    first_of = starts(component[order])
    kept_row[rows[order]] = np.repeat(rows[order[first_of]], np.diff(np.append(first_of, len(order))))
    return kept_row


def _finite(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return the values with NaN and infinity as numbers like any other."""
    return (
        values
        if np.isfinite(values).all()
        else np.nan_to_num(values.astype(np.float64), nan=-1e30, posinf=1e30, neginf=-2e30)
    )
