"""Rows of a table that agree in all columns, exactly or to within a small tolerance, found by sorting hashes.

Two events within a tolerance may fall on two sides of a cell's edge. With d columns hashed and cells d + 1 times as
wide as the tolerance, each column separates them in at most one of d + 1 grids shifted by one tolerance each,
so that at least one grid has both in one cell: no pair is missed.
"""

import numpy as np
import numpy.typing as npt

from bumphunt.preprocessing.coincidences import scaled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

HASHED = 4
"""Columns at most that cells are made of; all are compared afterwards."""

_STEPS = 16  # whole numbers a tolerance
_CHUNK = 1 << 16
_NEIGHBOURS = 64  # rows further on in a cell that each is compared with: enough to chain larger groups


def repeated(keys: Keys) -> tuple[IntArray, IntArray]:
    """Return the rows whose key is not the only one of its value, in order of the keys, and a number for each value."""
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    # a table of marks leaves few rows to sort with their places
    shift = np.uint64(40)
    del ordered
    marks = np.zeros(1 << 24, dtype=bool)
    marks[twice >> shift] = True
    rows = np.flatnonzero(marks[keys >> shift])
    order = np.argsort(keys[rows], kind="stable")
    rows = rows[order]
    values = keys[rows]
    new = np.append(True, values[1:] != values[:-1])
    alone = new & np.append(new[1:], True)
    return rows[~alone].astype(np.int64), np.cumsum(new[~alone], dtype=np.int64) - 1


def near_pairs(
    columns: list[npt.NDArray[np.generic]], typical: FloatArray, selective: list[int], rows: IntArray, tolerance: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the pairs of ``rows`` that agree within ``tolerance`` in every column, and by how much.

    Parameters
    ----------
    columns : list of arrays of shape (events,)
        The values.
    typical : array of shape (columns,)
        What a tolerance is relative to where values are smaller.
    selective : list of int
        Which columns cells are made of: those in which fewest pairs agree.
    rows : int array
        The rows to compare, each different from the others.
    tolerance : float
        In scaled units, see :func:`bumphunt.preprocessing.coincidences.scaled`.

    Returns
    -------
    first, second : int arrays of shape (pairs,)
        Row numbers.
    distance : array of shape (pairs,)
        The largest scaled difference over columns.
    """
    grids = len(selective) + 1
    multipliers = np.random.default_rng(1).integers(1, 2**62, len(selective)).astype(np.uint64) * np.uint64(2)
    multipliers += np.uint64(1)
    chunks = [slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK)]
    places = [_whole_numbers(columns[number], typical[number], rows, chunks, tolerance) for number in selective]
    found: list[IntArray] = []  # each pair as one number
    for grid in range(grids):
        keys = np.zeros(len(rows), dtype=np.uint64)
        for chunk in chunks:
            for place, multiplier in zip(places, multipliers, strict=True):
                cell = (place[chunk] + grid * (_STEPS + 1)) // (grids * (_STEPS + 1))
                keys[chunk] += cell.astype(np.int64).view(np.uint64) * multiplier
        found.append(_pairs(*repeated(keys), len(rows)))
    pairs = np.sort(np.concatenate(found))
    del found
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs
    first, second = rows[pairs // len(rows)], rows[pairs % len(rows)]
    distance = np.zeros(len(first), dtype=np.float64)
    for column, size in zip(columns, typical, strict=True):
        a, b = (scaled(column[side].astype(np.float64), size) for side in (first, second))
        np.maximum(distance, np.abs(a - b), out=distance)
        near = distance <= tolerance
        first, second, distance = first[near], second[near], distance[near]
    return first, second, distance


def _whole_numbers(
    column: npt.NDArray[np.generic], typical: float, rows: IntArray, chunks: list[slice], tolerance: float
) -> npt.NDArray[np.signedinteger]:
    """Return scaled values in steps much smaller than the tolerance, in few bytes where they fit."""
    largest = float(np.abs(column).max())
    fits = float(scaled(np.array(largest), typical)) * _STEPS / tolerance < 2**30
    whole: npt.NDArray[np.signedinteger] = np.empty(len(rows), dtype=np.int32 if fits else np.int64)
    for chunk in chunks:
        whole[chunk] = np.rint(scaled(column[rows[chunk]].astype(np.float64), typical) * (_STEPS / tolerance))
    return whole


def _pairs(rows: IntArray, cell: IntArray, number: int) -> IntArray:
    """Return the pairs of rows that share a cell, as lower row times ``number`` plus higher row."""
    pairs = [np.empty(0, dtype=np.int64)]
    for step in range(1, _NEIGHBOURS + 1):
        together = np.flatnonzero(cell[step:] == cell[:-step])
        if not len(together):
            break
        one, other = rows[together], rows[together + step]
        pairs.append(np.minimum(one, other) * number + np.maximum(one, other))
    return np.concatenate(pairs)
