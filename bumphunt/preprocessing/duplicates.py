"""Copies of events, found by content: exact ones, and the same event after rounding.

A copied event counts twice in every histogram and stands on both sides of every fold, so that copies of signal-free
events make discoveries. Independent events may agree too, where columns are few or coarse: these are counted
upon, and only an excess over them is taken for copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.events import COLUMNS, IDENTIFIERS, LABEL
from bumphunt.preprocessing.coincidences import SAMPLE, expected_pairs, pairs_in_cells, scaled, typical_size
from bumphunt.preprocessing.content import Keys, column_hash, content_hash, mixed
from bumphunt.preprocessing.near_pairs import HASHED, near_pairs, repeated
from bumphunt.preprocessing.originals import preference

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TOLERANCES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""How far near-copies may differ, relative: single precision, jitter, five digits of text, half precision, whole GeV.

Each range is judged by itself, so that chance on the widest is not taken for rounding, until one holds copies."""

LARGEST_P = 1e-6
"""Ties are copies only if at most this is the probability that as many agree by chance, and ..."""

LARGEST_SHARE = 0.1
"""... chance explains at most this share of them, and ..."""

LEAST_CONTINUOUS = 3
"""... each pair agrees in at least so many columns in values that few others have (:data:`COMMON`)."""

COMMON = 0.02
"""A column is continuous if at most this share of the events has its typical value.

A value that more have is no evidence."""

INFORMATIVE_IDENTIFIERS = 0.01
"""Identifiers tell events apart if at most this share of pairs of different events agrees in them."""

_NOT_MEASURED = (LABEL, "weight")
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
    """

    kept_row: IntArray
    n_exact: int
    n_near: int
    n_undecided: int
    expected: float
    columns: tuple[str, ...]
    n_continuous: int

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
        return tuple(said)


def find_copies(
    table: pd.DataFrame, *, columns: Sequence[str] | None = None, identifiers: Sequence[str] = IDENTIFIERS
) -> Copies:
    """Find rows that are the same event.

    Rows that agree in every column and in identifiers that tell events apart are always copies. Otherwise rows that
    agree in the measured columns are copies if there are more than chance allows (:data:`LARGEST_P`,
    :data:`LARGEST_SHARE`, :data:`LEAST_CONTINUOUS`), whatever their identifiers, weights and labels say; if not, they
    are kept and counted in ``n_undecided``. Rows that share an identifier but differ in content are two events. The
    row kept of each event is the one that is written most precisely, and of equal ones the first in the order of
    content, so that the events kept do not depend on the order of rows.

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
    values = [_finite(table[name].to_numpy()) for name in names]
    keys = content_hash(values, len(table))
    rows, group = repeated(keys) if names else (np.empty(0, np.int64), np.empty(0, np.int64))
    distinct = np.ones(len(table), dtype=bool)
    distinct[rows] = False
    distinct[rows[_starts(group)]] = True
    different = np.flatnonzero(distinct)
    # a sample by content, not by place
    if len(different) > SAMPLE:
        different_keys = keys[different]
        sampled = different[different_keys <= np.partition(different_keys, SAMPLE)[SAMPLE]]
    else:
        sampled = different
    typical = np.array([typical_size(column[sampled].astype(np.float64)) for column in values])
    sample = np.empty((len(sampled), len(names)))
    for number, column in enumerate(values):
        sample[:, number] = scaled(column[sampled].astype(np.float64), typical[number])
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
        first = rows[_starts(group)][group]
        pair = first != rows
        first, second = first[pair], rows[pair]
        telling = telling_rows(first, values, typical, common)
        if telling.any():
            expected = expected_agreements(sample[alone], common, len(table), 0.0)
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
        n_undecided=max(len(rows) - len(_starts(group)) - len(dropped), 0) if undecided else 0,
        expected=expected,
        columns=names,
        n_continuous=n_continuous,
    )


def measured_columns(table: pd.DataFrame, *, identifiers: Sequence[str] = IDENTIFIERS) -> tuple[str, ...]:
    """Return the columns that say what an event is: the known ones, and others of fractions, sorted by name.

    Truth, weights, identifiers, and further columns of whole numbers (counters, flags) are left out, since those of a
    copy may differ.
    """
    names = []
    for name in map(str, table.columns):
        if name in identifiers or name in _NOT_MEASURED or "weight" in name.lower() or name not in table.columns:
            continue
        values = table[name].to_numpy()
        if name in COLUMNS and np.issubdtype(values.dtype, np.number):
            names.append(name)
        elif np.issubdtype(values.dtype, np.floating):
            finite = values[np.isfinite(values)]
            if (finite[:1000] != np.rint(finite[:1000])).any() or (finite != np.rint(finite)).any():
                names.append(name)
    return tuple(sorted(names))


class _SameIdentifier:
    """Which pairs of rows share their identifiers, and which ``share`` of different events does so by chance."""

    def __init__(self, table: pd.DataFrame, names: list[str], sampled: IntArray):
        self.keys: Keys | None = None
        self.share = 1.0
        if names:
            self.keys = column_hash(table, names, np.arange(len(table)))
            ordered = np.sort(self.keys[sampled])
            counts = np.diff(np.append(_starts(ordered), len(ordered))).astype(np.float64)
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


def is_excess(seen: int, expected: float) -> bool:
    """Return whether agreements are so many more than expected that they are copies."""
    from scipy.special import gammainc

    # the probability of seen or more where so many are expected
    return seen > 0 and expected <= LARGEST_SHARE * seen and float(gammainc(seen, expected)) <= LARGEST_P


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


def expected_agreements(sample: FloatArray, common: list[FloatArray | None], events: int, tolerance: float) -> float:
    """Return at most how many pairs agree by chance among the events whose agreement means anything."""
    telling = _uncommon(list(sample.T), common)
    share = float(telling.mean()) if len(telling) else 1.0
    return expected_pairs(sample[telling], events=int(np.ceil(share * events)), tolerance=tolerance)


def telling_rows(
    rows: IntArray, values: list[npt.NDArray[np.generic]], typical: FloatArray, common: list[FloatArray | None]
) -> BoolArray:
    """Return which rows have uncommon values in enough continuous columns for agreement to mean anything."""
    needed = [values_of is not None and len(values_of) > 0 for values_of in common]
    here = [
        scaled(column[rows].astype(np.float64), size) if used else np.zeros(len(rows))
        for column, size, used in zip(values, typical, needed, strict=True)
    ]
    return _uncommon(here, common)


def _uncommon(columns: list[FloatArray], common: list[FloatArray | None]) -> BoolArray:
    number = np.zeros(len(columns[0]), dtype=np.int64)
    for column, values_of in zip(columns, common, strict=True):
        if values_of is not None:
            alike = np.zeros(len(column), dtype=bool)
            for value in values_of:
                alike |= np.abs(column - value) <= TOLERANCES[0]
            number += ~alike
    return number >= LEAST_CONTINUOUS


def common_values(column: FloatArray) -> FloatArray | None:
    """Return the values that too many of the sampled events have, or None if the column is not continuous."""
    ordered = np.sort(column)
    starts = _starts(ordered)
    sizes = np.diff(np.append(starts, len(ordered)))
    limit = COMMON * len(ordered)
    if not len(ordered) or np.median(np.repeat(sizes, sizes)) > 1 + limit:
        return None
    found: FloatArray = ordered[starts[sizes > 2 + limit]]
    return found


def _equal_in_every_column(table: pd.DataFrame, rows: IntArray, keys: Keys) -> tuple[IntArray, IntArray]:
    """Return the pairs of the given rows that agree in every column of the table."""
    whole = mixed(keys[rows] ^ column_hash(table, list(table.columns), rows))
    places, group = repeated(whole)
    same = rows[places]
    return same[_starts(group)][group], same


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
    starts = _starts(component[order])
    kept_row[rows[order]] = np.repeat(rows[order[starts]], np.diff(np.append(starts, len(order))))
    return kept_row


def _starts(ordered: npt.NDArray[np.generic]) -> IntArray:
    """Return where each run of equal values begins."""
    if not len(ordered):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def _finite(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return the values with NaN and infinity as numbers like any other."""
    return (
        values
        if np.isfinite(values).all()
        else np.nan_to_num(values.astype(np.float64), nan=-1e30, posinf=1e30, neginf=-2e30)
    )
