"""Events as trees see them: by the bins of their features, and all events of equal bins together.

A tree asks in which bin a feature lies and nothing else, so that events of equal bins, a *cell*, always get
the same score, and a training needs their total weights only. That is exact, and in a million events of four features
at 16 bins there are ten times fewer cells than events.
"""

import threading
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.scores.protocol import BoolArray

MAX_BINS = 255

_MOST_COUNTED = 1 << 24
"""Possible cells up to which a table of all of them is small beside the events."""
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Events sorted into cells, made once for all trainings on them.

    Parameters
    ----------
    edges : tuple of arrays
        Inner bin edges of each feature.
    max_bins : int
        What was asked for.
    codes : float32 array of shape (cells, features)
        Number of each feature's bin.
    cell : int array of shape (events,)
        Cell of each event.
    kept : threading.local
        What a classifier makes of the cells once for all its trainings in a thread.
    """

    edges: tuple[FloatArray, ...]
    max_bins: int
    codes: npt.NDArray[np.float32]
    cell: npt.NDArray[np.integer]
    kept: threading.local = field(default_factory=threading.local, init=False, repr=False)

    @classmethod
    def of(cls, features: FloatArray, edges: tuple[FloatArray, ...], *, max_bins: int) -> Self:
        """Sort events into the cells that these inner edges make.

        Raises
        ------
        InputError
            If the features are not as many as those of the edges.
        """
        sizes = [len(inner) + 1 for inner in edges]
        if np.prod(np.array(sizes, dtype=np.float64)) <= _MOST_COUNTED:
            return cls._counted(features, edges, sizes, max_bins=max_bins)
        numbers = bin_numbers(features, edges)
        if np.prod(np.array(sizes, dtype=np.float64)) >= 2.0**62:
            # more cells than a key can number, and next to none of them shared: each event is one
            return cls(edges=edges, max_bins=max_bins, codes=numbers.astype(np.float32), cell=np.arange(len(numbers)))
        key = np.zeros(len(numbers), dtype=np.int64)
        for size, column in zip(sizes, numbers.T, strict=True):
            key = key * size + column
        _, first, cell = np.unique(key, return_index=True, return_inverse=True)
        return cls(edges=edges, max_bins=max_bins, codes=numbers[first].astype(np.float32), cell=cell)

    @classmethod
    def _counted(cls, features: FloatArray, edges: tuple[FloatArray, ...], sizes: list[int], *, max_bins: int) -> Self:
        """Sort events into few possible cells without sorting them, a chunk of events at a time."""
        key = np.empty(len(features), dtype=np.int32)
        for start in range(0, len(features), _CHUNK):
            part = np.zeros(len(key[start : start + _CHUNK]), dtype=np.int64)
            for size, column in zip(sizes, bin_numbers(features[start : start + _CHUNK], edges).T, strict=True):
                part = part * size + column
            key[start : start + _CHUNK] = part
        there = np.zeros(int(np.prod(sizes)), dtype=bool)
        there[key] = True
        cell = (np.cumsum(there, dtype=np.int32) - 1)[key]
        codes = np.stack(np.unravel_index(np.flatnonzero(there), sizes), axis=1)
        return cls(edges=edges, max_bins=max_bins, codes=codes.astype(np.float32), cell=cell)

    def totals(self, values: FloatArray, rows: npt.NDArray[np.integer]) -> FloatArray:
        """Return the sum of the values (rows,) over those events of each cell, shape (cells,)."""
        totals = np.bincount(self.cell[rows], weights=values, minlength=len(self.codes))
        return np.asarray(totals, dtype=np.float64)


def bin_edges(features: FloatArray, bins: int, *, events: BoolArray | None = None) -> tuple[FloatArray, ...]:
    """Return the inner edges of bins with equal numbers of events for each feature; equal edges are one.

    Parameters
    ----------
    features : array of shape (events, features)
        The events.
    bins : int
        Bins of each feature.
    events : bool array of shape (events,), optional
        Those that count; all by default.

    Raises
    ------
    ConfigError
        If there are to be fewer than 2 or more than 255 bins.

    Examples
    --------
    >>> import numpy as np
    >>> [edges.tolist() for edges in bin_edges(np.array([[0.0], [1.0], [2.0], [3.0]]), 2)]
    [[1.5]]
    """
    if not 2 <= bins <= MAX_BINS:
        raise ConfigError(f"max_bins is {bins}; give 2 to {MAX_BINS}")
    probabilities = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    columns = (column if events is None else column[events] for column in features.T)
    return tuple(np.unique(np.quantile(column, probabilities)) for column in columns)


def bin_numbers(features: FloatArray, edges: tuple[FloatArray, ...]) -> npt.NDArray[np.int64]:
    """Return the number of each feature's bin, shape (events, features)."""
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(edges):
        raise InputError(f"features have shape {rows.shape}; the trees were trained on {len(edges)} features")
    return np.stack([np.searchsorted(inner, column) for inner, column in zip(edges, rows.T, strict=True)], axis=1)
