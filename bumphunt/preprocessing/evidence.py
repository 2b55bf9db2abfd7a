"""When agreement of events is evidence that they are one event: where it is rarer by chance than it is seen."""

import numpy as np
import numpy.typing as npt

from bumphunt.preprocessing.coincidences import expected_pairs, scaled

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LARGEST_P = 1e-6
"""Ties are copies only if at most this is the probability that as many agree by chance, and ..."""

LARGEST_SHARE = 0.1
"""... chance explains at most this share of them, and ..."""

LEAST_CONTINUOUS = 3
"""... each pair agrees in at least so many columns in values that few others have (:data:`COMMON`)."""

COMMON = 0.02
"""A column is continuous if at most this share of the events has its typical value.

A value that more have is no evidence."""

_FREQUENT = 0.1  # quantile of the frequency of tied values
_FEWEST, _NEARLY_ALL = 10, 0.9  # rows, and part of them, that are looked at by themselves
_ALIKE = 1e-6  # within which a value is a common one, in scaled units


def is_excess(seen: int, expected: float) -> bool:
    """Return whether agreements are so many more than expected that they are copies."""
    return seen > 0 and expected <= LARGEST_SHARE * seen and is_improbable(seen, expected)


def is_improbable(seen: int, expected: float) -> bool:
    """Return whether chance hardly gives as many agreements."""
    from scipy.special import gammainc

    # the probability of seen or more where so many are expected
    return seen > 0 and float(gammainc(seen, expected)) <= LARGEST_P


def expected_agreements(
    sample: FloatArray,
    common: list[FloatArray | None],
    events: int,
    tolerance: float,
    *,
    tied: FloatArray | None = None,
) -> float:
    """Return at most how many pairs agree by chance among the events whose agreement means anything.

    Where the events are known that are ``tied``, the ones with values as frequent as theirs are looked at by
    themselves as well: a part of a table that is coarser than the rest agrees within itself.
    """
    telling = _uncommon(list(sample.T), common)
    share = float(telling.mean()) if len(telling) else 1.0
    some = sample[telling]
    expected = expected_pairs(some, events=int(np.ceil(share * events)), tolerance=tolerance)
    if tied is not None and len(tied):
        alike = np.ones(len(some), dtype=bool)
        for column, values in zip(some.T, tied.T, strict=True):
            found, place, counts = np.unique(column, return_inverse=True, return_counts=True)
            at = np.minimum(np.searchsorted(found, values), len(found) - 1) if len(found) else np.zeros(0, np.int64)
            frequency = np.where(found[at] == values, counts[at], 1) if len(at) else np.ones(1)
            alike &= counts[place] >= np.quantile(frequency, _FREQUENT)
        if _FEWEST <= alike.sum() < _NEARLY_ALL * len(some):
            part = int(np.ceil(alike.sum() * events / len(sample)))
            expected = max(expected, expected_pairs(some[alike], events=part, tolerance=tolerance))
    return expected


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
                alike |= np.abs(column - value) <= _ALIKE
            number += ~alike
    return number >= LEAST_CONTINUOUS


def common_values(column: FloatArray) -> FloatArray | None:
    """Return the values that too many of the sampled events have, or None if the column is not continuous."""
    ordered = np.sort(column)
    first = starts(ordered)
    sizes = np.diff(np.append(first, len(ordered)))
    limit = COMMON * len(ordered)
    if not len(ordered) or np.median(np.repeat(sizes, sizes)) > 1 + limit:
        return None
    found: FloatArray = ordered[first[sizes > 2 + limit]]
    return found


def starts(ordered: npt.NDArray[np.generic]) -> IntArray:
    """Return where each run of equal values begins."""
    if not len(ordered):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
