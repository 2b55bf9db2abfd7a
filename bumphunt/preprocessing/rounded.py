"""Rounded copies: rows on a coarse grid, such as whole GeV and two digits, each beside the row it was rounded from.

A tolerance that is relative and the same in all columns is too wide for these: as many independent events agree to a
percent. But a rounded row says itself how it was rounded, and its original lies in its cell. How many rows find one
there by chance is counted, where the grid is moved by a few steps and among the finer rows themselves.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bumphunt.preprocessing.content import Keys, content_hash, mixed
from bumphunt.preprocessing.evidence import COMMON, LEAST_CONTINUOUS, is_excess, is_improbable

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Columns = list[npt.NDArray[np.generic]]

LEAST_ROWS = 10
"""Rows on a grid, from which on it is looked at."""

LEAST_GRIDS = 2
"""Columns that a copy must be rounded in; one is the business of :mod:`bumphunt.preprocessing.altered`."""

NATIVE = 0.9
"""A grid that more of the rows are on is how all of the table is written."""

MOST_ROUNDINGS = 3
"""Kinds of rounding in one table that are looked for, one after the other."""

SUSPICIOUS = 1.5
"""Agreements improbable by chance, and so many times the expectation, are told where they are kept."""

_SIGNIFICANT = 5.0  # standard deviations by which rows on a grid exceed those that happen to be there
_MOST_STARTS = 8  # grids tried as the first one
_MOST = 0.5  # of the rows on one grid this part must be on those of other columns
_FEWEST_LINES = 4  # values that many rows share make a grid
_AS_MANY = 0.9  # of two grids the coarser one, if it has at least this part of the rows of the finer one
_SINGLE = 2e-7  # values may have gone through single precision
_MOVES = ((-1, 1, -3, 3), (-2, 2, -4, 4))  # odd and even: a binary grid seen on a decimal one alternates


@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers of a fixed ``step``, or of so many ``digits`` to a base.

    The place of a number counts cells: it is whole for the numbers of the grid, and that of others lies between.
    """

    step: float = 0.0
    base: int = 0
    digits: int = 0

    def places(self, values: FloatArray) -> FloatArray:
        """Return the place of each value."""
        if not self.base:
            return values / self.step
        size = np.abs(values)
        if self.base == 2:
            mantissa, exponent = np.frexp(size)
            mantissa, exponent = 2 * mantissa, exponent - 1.0
        else:
            exponent = np.floor(np.log10(np.where(size > 0, size, 1.0)))
            mantissa = size / 10.0**exponent
        first = float(self.base) ** (self.digits - 1)
        places = (mantissa - 1.0 + (self.base - 1) * exponent) * first
        return np.where(size > 0, np.where(values < 0, -1e12 - places, places), -5e11)

    def holds(self, values: FloatArray) -> BoolArray:
        """Return which values are numbers of the grid, up to single precision."""
        places = self.places(values)
        size = np.abs(places) if not self.base else float(self.base) ** self.digits
        on: BoolArray = np.abs(places - np.rint(places)) <= _SINGLE * size + 1e-9
        return on

    @property
    def finer(self) -> tuple["Grid", float]:
        """The next finer grid, and which part of its numbers are of this one."""
        if self.base:
            return Grid(base=self.base, digits=self.digits + 1), 1.0 / self.base
        # 10 and 1 are multiples of a tenth, 5 and 2 of a unit
        ratio = {2: 0.5, 5: 0.2}.get(self.leading, 0.1)
        return Grid(step=self.step * ratio), ratio

    @property
    def leading(self) -> int:
        """The leading digit of a step."""
        return 0 if self.base else round(self.step / 10.0 ** np.floor(np.log10(self.step) + 1e-9))

    def coarseness(self, sizes: FloatArray) -> float:
        """Return the log of a typical step at numbers of some sizes, none of them zero."""
        if not self.base:
            return round(float(np.log(self.step)), 9)
        log = float(np.log(self.base))
        return round(float(np.median(np.floor(np.log(sizes) / log + 1e-9)) - self.digits + 1) * log, 9)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounded:
    """Rows that are roundings of others.

    ``rows`` holds the rounded rows and ``originals`` the row that each stands for, shape (copies,); ``suspected`` says
    how many of ``agreeing`` rows are probably copies where it is not certain which.
    """

    rows: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    originals: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    suspected: int = 0
    agreeing: int = 0


def find_rounded(values: Columns, sampled: IntArray, keys: Keys) -> Rounded:
    """Find rows that repeat a finer one on a coarse grid.

    Parameters
    ----------
    values : list of arrays of shape (events,)
        The measured columns, finite.
    sampled : int array
        Rows of different content, on which grids are looked for.
    keys : array of shape (events,)
        Hash of the content of each row.
    """
    grids = coarse_grids([column[sampled].astype(np.float64) for column in values])
    if len(grids) < LEAST_GRIDS:
        return Rounded()
    coarse = np.ones(len(keys), dtype=bool)
    for number, grid in grids.items():
        left = np.flatnonzero(coarse)
        coarse[left] = grid.holds(values[number][left].astype(np.float64))
    fine = np.flatnonzero(~coarse)
    rows = np.flatnonzero(coarse)
    rows = rows[_telling(values, rows, fine)]
    if len(rows) < LEAST_ROWS or not len(fine):
        return Rounded()
    # of rows of the same content one, chosen by it
    fine = fine[np.unique(keys[fine], return_index=True)[1]]
    best: tuple[int, float, IntArray, IntArray] = (0, 0.0, rows[:0], rows[:0])
    for rounding in (np.rint, np.floor):
        cells = _Cells(values, grids, rounding)
        found = _matches(cells, cells.keys(rows, exact=True), cells.keys(fine))
        if found[0] > best[0]:
            best = (*found[:2], rows[found[2]], fine[found[3]])
    seen, expected, matched, originals = best
    if is_excess(seen, expected):
        return Rounded(rows=matched, originals=originals)
    if seen > SUSPICIOUS * expected and is_improbable(seen, expected):
        return Rounded(suspected=round(seen - expected), agreeing=seen)
    return Rounded()


def coarse_grids(sample: list[FloatArray]) -> dict[int, Grid]:
    """Return the grid that some of the rows share in each column, for the columns where they do.

    Parameters
    ----------
    sample : list of arrays of shape (rows,)
        Columns.
    """
    usable = [~np.isin(column, _spikes(column)) for column in sample]
    native = [_native(column[good]) for column, good in zip(sample, usable, strict=True)]
    likely: list[tuple[float, int, Grid]] = []
    for number, column in enumerate(sample):
        found = _grids_of(column[usable[number]], native[number])
        # numbers of few bits are on some decimal grids as well: the coarsest one may be that of fewer rows
        for each in (_coarsest(found, _AS_MANY), _coarsest(found, 0.0)):
            if each is not None and (each.significance, number, each.grid) not in likely:
                likely.append((each.significance, number, each.grid))
    best: dict[int, Grid] = {}
    for _, number, grid in sorted(likely, key=lambda each: (-each[0], each[1]))[:_MOST_STARTS]:
        if len(best) >= LEAST_CONTINUOUS:
            break
        grids = _extended({number: grid}, sample, usable, native)
        # each of them once more, for the rows that the others choose
        for once_more in tuple(grids) if len(grids) > 1 else ():
            others = {place: kept for place, kept in grids.items() if place != once_more}
            grids = _extended(others, sample, usable, native)
        best = max(best, grids, key=len)
    return best


def _extended(
    grids: dict[int, Grid], sample: list[FloatArray], usable: list[BoolArray], native: list[set[Grid]]
) -> dict[int, Grid]:
    """Return grids with those of further columns, which most of the rows on them must share."""
    grids = dict(grids)
    here = np.ones(len(sample[0]), dtype=bool)
    for number, grid in grids.items():
        here &= grid.holds(sample[number]) | ~usable[number]
    while True:
        found = []
        for number in set(range(len(sample))) - set(grids):
            some = sample[number][here & usable[number]]
            best = _coarsest(_grids_of(some, native[number]), _AS_MANY)
            if best is not None and best.number >= _MOST * len(some):
                found.append((best.significance, -number, best.grid))
        if not found:
            return grids
        _, place, grid = max(found, key=lambda each: each[:2])
        grids[-place] = grid
        here &= grid.holds(sample[-place]) | ~usable[-place]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A grid with more values than happen to be on it: how many, how significant, and the log of its step."""

    grid: Grid
    number: float
    significance: float
    coarseness: float


def _coarsest(found: list[_Seen], part: float) -> _Seen | None:
    """Return the coarsest grid of those that have this part of the most values that one has."""
    most = max((each.number for each in found), default=0.0)
    return max((each for each in found if each.number >= part * most), key=lambda each: each.coarseness, default=None)


def _grids_of(values: FloatArray, native: set[Grid]) -> list[_Seen]:
    """Return the grids that hold more of the values than chance."""
    if len(values) < LEAST_ROWS:
        return []
    sizes = np.abs(values[values != 0])[:1000]
    # what is on a coarse grid is on one of the finest of each kind
    ladder = _ladder(values)
    near = np.zeros(len(values), dtype=bool)
    for grid in {(grid.base, grid.leading): grid for grid in ladder[::-1]}.values():
        near |= grid.finer[0].holds(values)
    values = values[near]
    counts: dict[Grid, int] = {}
    found = []
    for grid in ladder:
        finer, ratio = grid.finer
        for each in (grid, finer):
            if each not in counts:
                counts[each] = int(each.holds(values).sum())
        if grid in native:
            continue
        more = counts[grid] - ratio * counts[finer]
        number = more / (1 - ratio)
        significance = more / float(np.sqrt(ratio * (1 - ratio) * counts[finer] + 1.0))
        if number >= LEAST_ROWS and significance >= _SIGNIFICANT:
            found.append(_Seen(grid, number, significance, grid.coarseness(sizes)))
    return found


def _native(values: FloatArray) -> set[Grid]:
    """Return the grids that nearly all values are on."""
    few = values[:1000]
    likely = [grid for grid in _ladder(values) if len(few) and grid.holds(few).mean() > NATIVE - 0.1]
    return {grid for grid in likely if grid.holds(values).mean() > NATIVE}


def _ladder(values: FloatArray) -> list[Grid]:
    """Return the grids that are looked for, finest first: steps of 1, 2 and 5, decimal digits, bits."""
    sizes = np.abs(values[values != 0])
    if not len(sizes):
        return []
    power = int(np.floor(np.log10(np.median(sizes))))
    steps = [Grid(step=float(f"{first}e{power + down}")) for down in range(-4, 1) for first in (1, 2, 5)]
    digits = [Grid(base=10, digits=number) for number in (4, 3, 2)]
    return [*steps, *digits, *(Grid(base=2, digits=number) for number in range(11, 4, -1))]


def _spikes(values: FloatArray) -> FloatArray:
    """Return a few values that many share, such as zeros; more than a few are a grid."""
    found, counts = np.unique(values, return_counts=True)
    common: FloatArray = found[counts > 2 + COMMON * len(values)]
    return common if len(common) < _FEWEST_LINES else common[:0]


def _is_common(values: FloatArray, among: FloatArray) -> BoolArray:
    """Return which values more than a part of the others share."""
    found, counts = np.unique(among, return_counts=True)
    common: BoolArray = np.isin(values, found[counts > 2 + COMMON * len(among)])
    return common


def _telling(values: Columns, rows: IntArray, fine: IntArray) -> BoolArray:
    """Return which rows have values in enough columns that few of the finer rows share."""
    number = np.zeros(len(rows), dtype=np.int64)
    for column in values:
        number += ~_is_common(column[rows].astype(np.float64), column[fine].astype(np.float64))
    enough: BoolArray = number >= LEAST_CONTINUOUS
    return enough


class _Cells:
    """Keys of cells: the sum over columns of the number of the cell, so that a row can be moved in one of them."""

    def __init__(self, values: Columns, grids: dict[int, Grid], rounding: np.ufunc):
        self.values, self.grids, self.rounding = values, grids, rounding
        odd = np.random.default_rng(1).integers(1, 2**62, len(values)).astype(np.uint64) * np.uint64(2) + np.uint64(1)
        self.multipliers = odd

    def keys(self, rows: IntArray, *, exact: bool = False) -> Keys:
        """Return the key of each row; those on the grid are in the cell of their number, however it is rounded."""
        others = [column for number, column in enumerate(self.values) if number not in self.grids]
        rest = [column[rows].astype(np.float32) for column in others]
        found = mixed(content_hash(list(rest), len(rows))) if rest else np.zeros(len(rows), dtype=np.uint64)
        for number, grid in self.grids.items():
            places = grid.places(self.values[number][rows].astype(np.float64))
            cell = np.rint(places) if exact else self.rounding(places)
            found = found + cell.astype(np.int64).view(np.uint64) * self.multipliers[number]
        return found

    def moved(self, keys: Keys, number: int, steps: int) -> Keys:
        """Return the keys of rows that are moved by some cells in one column."""
        return keys + np.uint64(steps * int(self.multipliers[number]) % 2**64)


def _matches(cells: _Cells, coarse: Keys, fine: Keys) -> tuple[int, float, IntArray, IntArray]:
    """Return the coarse cells with a finer row in them, how many are expected to by chance, and the pairs."""
    order = np.argsort(fine, kind="stable")
    ordered = fine[order]
    place = np.minimum(np.searchsorted(ordered, coarse), len(ordered) - 1)
    matched = np.flatnonzero(ordered[place] == coarse)
    distinct, occupied = np.unique(coarse), np.unique(ordered)
    seen = int(np.isin(distinct, occupied, assume_unique=True).sum())
    expected = 0.0
    for number in cells.grids:
        for moves in _MOVES:
            places = [cells.moved(distinct, number, steps) for steps in moves]
            found = sum(int(np.isin(moved, occupied, assume_unique=True).sum()) for moved in places)
            expected = max(expected, (found + 1.0) / len(moves))
    # as often as finer rows share a cell with each other, whatever their columns have to do with each other
    shared = np.append(ordered[1:] == ordered[:-1], False)
    shared[1:] |= shared[:-1]
    expected = max(expected, len(distinct) * float(shared.mean()))
    return seen, expected, matched, order[place[matched]]
