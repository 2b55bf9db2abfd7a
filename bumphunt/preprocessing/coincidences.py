"""How many events of a table agree by chance, given how fine its columns are and how they depend on each other.

Independent events that agree in every column to within t become rarer with t as t to the power of the dimension in
which they lie, down to the step at which columns were rounded, where they stay. Both are taken from the table:
pairs that share a cell of a coarse grid are counted on two scales, compared with the pairs that share a cell in
each column alone, and followed down to the tolerance in question (the correlation integral of Grassberger and
Procaccia, Physica D 9 (1983) 189, in units of what single columns do).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SAMPLE = 100_000
"""Events that the expectation is measured on."""

_LEAST_PAIRS = 30  # below, a count on the grid is too uncertain to follow down
_SCALES = 2.0 ** np.arange(1, -10, -1)  # cells that pairs are counted in, in scaled units, from all of a column down
_SAFETY = 3.0  # the expectation is multiplied by this before anything is called an excess
_FEWEST_DIMENSIONS = 3
_EXACT = 1e-9  # width of cells that hold equal values only
_LEAST_DUE = 10.0  # pairs that should agree in some columns, from which on it says something if none does


def scaled(values: FloatArray, typical: float) -> FloatArray:
    """Return values on a scale where a step is relative above ``typical`` and in units of it below."""
    return np.arcsinh(values / typical)


def typical_size(values: FloatArray) -> float:
    """Return the median size of the values that are not zero, or 1 where all are."""
    sizes = np.abs(values[values != 0])
    return float(np.median(sizes)) if len(sizes) else 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChanceModel:
    """The pairs that agree by chance; see :func:`chance_model`.

    ``columns`` holds the sorted scaled values of each column, each of shape (sampled events,); ``log_pairs`` is the log
    of the pairs in the whole table that share a cell of the finest grid that still has enough, ``log_volume``
    that of the product over columns of the chance to share it, and ``slope`` how the first follows the second.
    """

    columns: tuple[FloatArray, ...]
    log_pairs: float
    log_volume: float
    slope: float

    def expected(self, tolerance: float) -> float:
        """Return the pairs that agree by chance within ``tolerance`` in every column, with a safety factor.

        Zero means exactly equal.
        """
        volume = _log_volume(self.columns, 2 * tolerance)
        return float(_SAFETY * np.exp(self.log_pairs + self.slope * min(volume - self.log_volume, 0.0)))


def chance_model(values: FloatArray, *, events: int) -> ChanceModel:
    """Measure how pairs become rarer from coarse to fine.

    Parameters
    ----------
    values : array of shape (sampled events, columns)
        Scaled values of a random sample of the events, without anything that may be a copy.
    events : int
        Events in the whole table, for the number of its pairs.
    """
    n_sample, n_columns = values.shape
    columns = tuple(np.sort(column) for column in values.T)
    counts, widths = [], []
    for width in _SCALES:
        counts.append(pairs_in_cells(values, float(width)))
        widths.append(float(width))
        if counts[-1] < _LEAST_PAIRS:
            break
    enough = [place for place, count in enumerate(counts) if count >= _LEAST_PAIRS]
    per_pair = (events * (events - 1)) / max(n_sample * (n_sample - 1), 1)
    least_slope = min(_FEWEST_DIMENSIONS / n_columns, 1.0)
    if len(enough) < 3:
        # too few neighbours even on coarse scales: as if the fewest dimensions were all there are
        count = max(counts[0], 3.0)
        volume = _log_volume(columns, widths[0])
        return ChanceModel(
            columns=columns,
            log_pairs=float(np.log(count * per_pair)),
            log_volume=volume,
            slope=least_slope,
        )
    fine, coarse = enough[-1], enough[-3]
    volumes = [_log_volume(columns, widths[place]) for place in (fine, coarse)]
    fall = np.log(counts[coarse] / counts[fine]) - 2.0 * np.sqrt(1.0 / counts[fine] + 1.0 / counts[coarse])
    slope = float(np.clip(fall / max(volumes[1] - volumes[0], 1e-9), 0.0, 1.0))
    return ChanceModel(
        columns=columns,
        log_pairs=float(np.log(counts[fine] * per_pair)),
        log_volume=volumes[0],
        slope=slope,
    )


def expected_pairs(values: FloatArray, *, events: int, tolerance: float) -> float:
    """Return at most how many pairs agree by chance within ``tolerance`` in every column.

    A column that follows from coarser ones, such as a ratio of rounded masses, looks fine but is no evidence. It is
    told by what is missing: some pairs should agree in the coarser columns alone, and none does.

    Parameters
    ----------
    values : array of shape (sampled events, columns)
        Scaled values of a random sample of the events, without anything that may be a copy.
    events : int
        Events in the whole table.
    tolerance : float
        In scaled units; zero means exactly equal.
    """
    if len(values) < 2:
        return _SAFETY
    expected = chance_model(values, events=events).expected(tolerance)
    width = max(2 * tolerance, _EXACT)
    pairs = [pairs_in_cells(values[:, [number]], width) for number in range(values.shape[1])]
    coarsest_first = np.argsort(-np.array(pairs), kind="stable")
    for number in range(_FEWEST_DIMENSIONS, values.shape[1]):
        some = values[:, coarsest_first[:number]]
        model = chance_model(some, events=len(values))
        due = model.expected(tolerance) / _SAFETY
        if due < _LEAST_DUE:
            break
        if pairs_in_cells(some, width) < due / _SAFETY:
            per_pair = events * (events - 1) / (len(values) * (len(values) - 1))
            expected = max(expected, _SAFETY * due * per_pair)
    return expected


def _log_volume(columns: tuple[FloatArray, ...], width: float) -> float:
    """Return the log of the product over columns of the chance that two events share a cell."""
    total = 0.0
    for column in columns:
        cells = column if width == 0 else np.floor(column / width + 0.37)
        pairs = len(cells) * (len(cells) - 1) / 2
        # one more than was seen: no column is finer than its sample can tell
        total += math.log(min((_equal_pairs(cells) + 1) / max(pairs, 1), 1.0))
    return total


def pairs_in_cells(values: FloatArray, width: float) -> float:
    """Return the pairs of events that share a cell of the grid in all columns."""
    key = np.zeros(len(values), dtype=np.int64)
    multipliers = np.random.default_rng(1).integers(1, 2**62, size=(values.shape[1],)) * 2 + 1
    for number, multiplier in enumerate(multipliers.tolist()):
        key += np.floor(values[:, number] / width + 0.37).astype(np.int64) * np.int64(multiplier)
    key.sort()
    return _equal_pairs(key)


def _equal_pairs(ordered: npt.NDArray[np.generic]) -> float:
    """Return the pairs of equal values in a sorted array."""
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sizes = np.diff(np.append(starts, len(ordered))).astype(np.float64)
    return float(sizes @ (sizes - 1) / 2)
