"""The same event twice, with another value in one column: copies that a comparison of all columns misses.

Jets that were smeared or calibrated anew in one quantity, or a column that was drawn again, leave events that agree
exactly in all others. They are as good as copies: they count twice in every histogram and stand in two folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.preprocessing.coincidences import SAMPLE, scaled, typical_size
from bumphunt.preprocessing.content import content_hash, mixed
from bumphunt.preprocessing.evidence import (
    LEAST_CONTINUOUS,
    common_values,
    expected_agreements,
    is_excess,
    telling_rows,
)
from bumphunt.preprocessing.near_pairs import repeated

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Altered:
    """Rows that repeat an event with another value in one column.

    Parameters
    ----------
    kept_row : int array of shape (events,)
        For each row the one that stands for its event, itself where it is kept.
    columns : dict of str to int
        The columns that differ, and how many rows were dropped for each.
    other_mass : int
        Rows that repeat another one with another value of the resonance; they are kept.
    """

    kept_row: IntArray
    columns: dict[str, int]
    other_mass: int = 0

    @property
    def keep(self) -> BoolArray:
        """Which rows to keep, shape (events,)."""
        kept: BoolArray = self.kept_row == np.arange(len(self.kept_row))
        return kept

    @property
    def n_dropped(self) -> int:
        """How many rows to drop."""
        return sum(self.columns.values())

    def sentences(self, resonance: str) -> tuple[str, ...]:
        """Return what to tell the user, a sentence a column."""
        total = len(self.kept_row)
        said = [
            f"{number} of {total} rows repeat another row in all columns but {column!r} and were dropped"
            for column, number in self.columns.items()
        ]
        if self.other_mass:
            said.append(
                f"{self.other_mass} of {total} rows repeat another row in all columns but {resonance!r} and were kept; "
                "if they are no independent events, remove them"
            )
        return tuple(said)


def find_altered(table: pd.DataFrame, *, columns: Sequence[str], resonance: str) -> Altered:
    """Find events that are there again with another value in one column, by the rule for copies.

    The agreement must be exact, in at least three continuous columns, and improbable by chance; of each event that row
    is kept whose content comes first in the order of its hash, which favours no value. Rows that differ in the
    resonance are kept and counted: pseudo-data are made so, and they stand in different places of the spectrum.

    Parameters
    ----------
    table : pandas.DataFrame
        Events without copies.
    columns : sequence of str
        The measured columns.
    resonance : str
        The one that is searched.
    """
    names = sorted(set(columns))
    kept_row = np.arange(len(table), dtype=np.int64)
    if len(names) <= LEAST_CONTINUOUS or not len(table):
        return Altered(kept_row=kept_row, columns={})
    values = [table[name].to_numpy() for name in names]
    salts = np.random.default_rng(1).integers(1, 2**62, len(names)).astype(np.uint64)

    def part(number: int) -> npt.NDArray[np.uint64]:
        return mixed(content_hash([values[number]], len(table)) ^ salts[number])

    # a sum, so that a column can be taken out of it
    whole = part(0)
    for number in range(1, len(names)):
        whole += part(number)
    links: list[tuple[str, IntArray, IntArray]] = []
    other_mass = 0
    for number, name in enumerate(names):
        rows, group = repeated(whole - part(number))
        order = np.lexsort([whole[rows], group])
        rows, group = rows[order], group[order]
        starts = np.flatnonzero(np.append(True, group[1:] != group[:-1])) if len(rows) else rows
        first = np.repeat(rows[starts], np.diff(np.append(starts, len(rows))))
        pair = whole[first] != whole[rows]  # equal ones were kept on purpose
        first, second = first[pair], rows[pair]
        taken = _judged(first, second, [*values[:number], *values[number + 1 :]], whole)
        if name == resonance:
            other_mass = int(taken.sum())
            continue
        if taken.any():
            links.append((name, first[taken], second[taken]))
    if links:
        kept_row = _first_of_each(links, whole)
    left = kept_row != np.arange(len(table))
    dropped = {}
    for name, first, second in links:
        here = np.zeros(len(table), dtype=bool)
        here[first] = here[second] = True
        number = int((here & left).sum())
        left &= ~here
        if number:
            dropped[name] = number
    return Altered(kept_row=kept_row, columns=dropped, other_mass=other_mass)


def _first_of_each(links: list[tuple[str, IntArray, IntArray]], whole: npt.NDArray[np.uint64]) -> IntArray:
    """Return for each row the one with the lowest hash of all that it is linked to, however often removed."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = np.concatenate([link[1] for link in links])
    second = np.concatenate([link[2] for link in links])
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(len(whole), len(whole)))
    component: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    order = np.lexsort([whole, component])
    starts = np.flatnonzero(np.append(True, component[order][1:] != component[order][:-1]))
    kept_row = np.empty(len(whole), dtype=np.int64)
    kept_row[order] = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
    return kept_row


_FINE, _FINE_SHARE = 2.0, 3e-4
"""At most so many events, or this share of them, have a typical value of a column that is evidence: masses in whole GeV
and their difference are none, numbers of eleven bits are."""


def _shared(column: npt.NDArray[np.float64]) -> float:
    sizes = np.unique(column, return_counts=True)[1]
    return float(np.median(np.repeat(sizes, sizes)))


def _judged(
    first: IntArray, second: IntArray, values: list[npt.NDArray[np.generic]], whole: npt.NDArray[np.uint64]
) -> BoolArray:
    """Return which pairs are the same event: all that tell anything, or none."""
    if not len(first):
        return np.zeros(0, dtype=bool)
    alone = np.ones(len(whole), dtype=bool)
    alone[second] = False
    sampled = np.flatnonzero(alone)
    if len(sampled) > SAMPLE:  # by content, not by place
        sampled = sampled[whole[sampled] <= np.partition(whole[sampled], SAMPLE)[SAMPLE]]
    typical = np.array([typical_size(column[sampled].astype(np.float64)) for column in values])
    sample = np.empty((len(sampled), len(values)))
    for number, column in enumerate(values):
        sample[:, number] = scaled(column[sampled].astype(np.float64), typical[number])
    # where one of each pair is left out, copies do not make a fine column look coarse
    common = [
        common_values(column) if _shared(column) <= max(_FINE, _FINE_SHARE * len(column)) else None
        for column in sample.T
    ]
    telling = telling_rows(first, values, typical, common)
    if not telling.any():
        return telling
    rows = first[telling]
    tied = np.stack(
        [scaled(column[rows].astype(np.float64), size) for column, size in zip(values, typical, strict=True)]
    )
    expected = expected_agreements(sample, common, len(whole), 0.0, tied=tied.T)
    return telling if is_excess(int(telling.sum()), expected) else np.zeros_like(telling)
