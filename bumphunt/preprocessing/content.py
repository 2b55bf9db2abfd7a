"""An event's identity from its content: keys, an order, folds and tie-breakers that no row order can change.

A key is a 64-bit hash of what was measured, in single precision and salted with the seed of the run. Whatever is drawn
from it is the same in shuffled, split, concatenated or losslessly re-saved files, and the draw of one event
does not depend on which other events are present.

The mixing is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), written out for arrays.
"""

import hashlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import IDENTIFIERS, LABEL
from bumphunt.rng import stream

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Numbers = TypeVar("Numbers", bound=npt.NDArray[Any])

NOT_CONTENT = (LABEL, *IDENTIFIERS)
"""Columns that say nothing of what was measured: truth, and numbers that somebody gave the event."""

_CHUNK = 1 << 16  # rows mixed at a time: they stay in the processor's cache
_DIGEST_SEED = 0  # the digest of a data set is the same for every run


def mixed(values: Keys) -> Keys:
    """Return 64-bit numbers scrambled one to one, so that each input bit moves half of the output bits."""
    out: Keys = values + np.uint64(0x9E3779B97F4A7C15)
    out ^= out >> np.uint64(30)
    out *= np.uint64(0xBF58476D1CE4E5B9)
    out ^= out >> np.uint64(27)
    out *= np.uint64(0x94D049BB133111EB)
    out ^= out >> np.uint64(31)
    return out


def content_keys(table: pd.DataFrame, columns: Sequence[str], *, seed: int) -> Keys:
    """Return a number for each event that depends on its content and the seed only.

    Parameters
    ----------
    table : pandas.DataFrame
        The events.
    columns : sequence of str
        What counts as content: resonance, daughters and features, in any order. Truth and identifiers among
        them are left out. Values are compared in single precision, and −0 equals 0.
    seed : int
        The seed of the run, non-negative; another seed gives unrelated keys.

    Returns
    -------
    uint64 array of shape (events,)
        Equal for events of equal content, otherwise different but for a chance of 2⁻⁶⁴ a pair.

    Raises
    ------
    InputError
        If a column is missing or is not numeric, or no column is left.

    Examples
    --------
    >>> table = pd.DataFrame({"mjj": [3500.0, 2500.0], "mj1": [0.0, 120.5]})
    >>> keys = content_keys(table, ["mjj", "mj1"], seed=1)
    >>> other = content_keys(table.iloc[::-1].astype("float32"), ["mj1", "mjj"], seed=1)
    >>> bool((keys == other[::-1]).all())
    True
    """
    names = sorted({name for name in columns if name not in NOT_CONTENT})
    if not names:
        raise InputError("no column is left that tells what an event is; name the resonance and the features")
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(f"column {missing[0]!r} is not in the table (found: {', '.join(map(str, table.columns))})")
    values = {name: _numbers(table[name]) for name in names}
    salts = stream(seed, "content").generate_state(len(names) + 1, np.uint64)
    keys = np.full(len(table), salts[0], dtype=np.uint64)
    for start in range(0, len(table), _CHUNK):
        rows = slice(start, start + _CHUNK)
        part = keys[rows]
        for name in names:
            # the salt follows from the name, so that a further column cannot be mistaken for another
            salt = np.uint64(zlib.crc32(name.encode())) << np.uint64(32)
            part = mixed(part ^ (_bits(values[name][rows]) | salt))
        keys[rows] = part
    return keys


def canonical_order(keys: Keys, table: pd.DataFrame, columns: Sequence[str]) -> IntArray:
    """Return the rows in an order that depends on the content alone, as indices of shape (events,).

    Events are put in the order of their keys. Those that share a key follow in the order of their content in double
    precision; what is equal then is interchangeable.

    Parameters
    ----------
    keys : uint64 array of shape (events,)
        From :func:`content_keys`.
    table : pandas.DataFrame
        The same events.
    columns : sequence of str
        The columns that the keys were made from.
    """
    order: IntArray = np.argsort(keys, kind="stable").astype(np.int64)
    ordered = keys[order]
    equal = ordered[1:] == ordered[:-1]
    if not equal.any():
        return order
    places = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
    rows = order[places]
    names = sorted({name for name in columns if name not in NOT_CONTENT}, reverse=True)
    # np.lexsort takes the first criterion last
    finer = np.lexsort([*(_numbers(table[name])[rows] for name in names), keys[rows]])
    order[places] = rows[finer]
    return order


def fold_assignments(keys: Keys, *, folds: int, repeat: int = 0) -> IntArray:
    """Return the fold of each event, shape (events,), from its key alone.

    The fold of an event does not depend on which others are present: dropping events moves no other event, whereas
    folds of exactly equal size (by rank) would move some. The price is that sizes differ as those of random
    draws do, by about the square root of their size. Copies of one event share a fold.

    Parameters
    ----------
    keys : uint64 array of shape (events,)
        From :func:`content_keys`.
    folds : int
        At least two.
    repeat : int
        Number of the repeat; different repeats are independent.

    Raises
    ------
    ConfigError
        If there are fewer than two folds.
    """
    if folds < 2:
        raise ConfigError(f"folds is {folds}; cross-fitting needs at least two")
    fold: IntArray = (_uniform(keys, "fold", repeat) * folds).astype(np.int64)
    return fold


def tie_breakers(keys: Keys, *, repeat: int = 0) -> FloatArray:
    """Return a random number in (0, 1) for each event, shape (events,), to put equal scores in an order.

    Independent of the folds, and of those of another repeat.
    """
    return _uniform(keys, "tie", repeat)


class _OfRepeats(ABC, Generic[Numbers]):
    """Numbers of the events in every repeat, (events,) each, made when they are asked for."""

    def __init__(self, keys: Keys, repeats: int) -> None:
        self._keys, self._repeats = keys, repeats
        self._last: tuple[int, Numbers] | None = None

    @abstractmethod
    def _made(self, repeat: int) -> Numbers:
        """Make the numbers of a repeat."""

    def __len__(self) -> int:
        return self._repeats

    def __getitem__(self, repeat: int, /) -> Numbers:
        if not 0 <= repeat < self._repeats:
            raise IndexError(repeat)  # ends an iteration
        last = self._last  # read in one go: threads share this
        if last is None or last[0] != repeat:
            last = self._last = (repeat, self._made(repeat))
        return last[1]


class Folds(_OfRepeats[npt.NDArray[np.integer]]):
    """The numbers of :func:`fold_assignments` of every repeat, each made when it is asked for.

    Parameters
    ----------
    keys : uint64 array of shape (events,)
        From :func:`content_keys`.
    folds : int
        At least two.
    repeats : int
        How many repeats there are.
    """

    def __init__(self, keys: Keys, *, folds: int, repeats: int) -> None:
        super().__init__(keys, repeats)
        self._folds = folds

    def _made(self, repeat: int) -> npt.NDArray[np.integer]:
        small = np.min_scalar_type(self._folds)
        return fold_assignments(self._keys, folds=self._folds, repeat=repeat).astype(small)


class TieBreakers(_OfRepeats[FloatArray]):
    """The numbers of :func:`tie_breakers` of every repeat, each made when it is asked for.

    Thirty-two repeats of ten million events would take 2.6 GB at once.

    Parameters
    ----------
    keys : uint64 array of shape (events,)
        From :func:`content_keys`.
    repeats : int
        How many repeats there are.
    """

    def __init__(self, keys: Keys, *, repeats: int) -> None:
        super().__init__(keys, repeats)

    def _made(self, repeat: int) -> FloatArray:
        return tie_breakers(self._keys, repeat=repeat)


def content_digest(table: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return 64 hexadecimal digits that name a set of events, whatever the order of rows, columns and files.

    The SHA-256 of the column names, the number of events, and the sorted 128-bit hashes of the events. Copies
    count: a file with every event twice has another digest.
    """
    names = sorted({name for name in columns if name not in NOT_CONTENT})
    first = content_keys(table, names, seed=_DIGEST_SEED)
    second = content_keys(table, names, seed=_DIGEST_SEED + 1)
    order = np.argsort(first)
    ordered = first[order]
    equal = ordered[1:] == ordered[:-1]
    del ordered
    if equal.any():  # copies as a rule; the few are put in the order of the second
        places = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
        rows = order[places]
        order[places] = rows[np.lexsort([second[rows], first[rows]])]
    digest = hashlib.sha256("\n".join([*names, str(len(table)), ""]).encode())
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        digest.update(np.stack([first[rows], second[rows]], axis=1).astype("<u8").tobytes())
    return digest.hexdigest()


def _uniform(keys: Keys, name: str, repeat: int) -> FloatArray:
    """Return numbers strictly between 0 and 1, shape (events,), from one stream of the keys."""
    salt = stream(0, name, repeat).generate_state(1, np.uint64)[0]
    # the upper 52 bits and a half lie exactly on a double, below 1
    uniform = np.empty(len(keys), dtype=np.float64)
    for start in range(0, len(keys), _CHUNK):
        rows = slice(start, start + _CHUNK)
        uniform[rows] = ((mixed(mixed(keys[rows] ^ salt)) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return uniform


def _numbers(column: "pd.Series[float]") -> npt.NDArray[np.generic]:
    if not pd.api.types.is_numeric_dtype(column):
        raise InputError(f"column {str(column.name)!r} is not numeric (dtype {column.dtype}); leave it out")
    array = column.to_numpy()
    return column.to_numpy(dtype=np.float64, na_value=np.nan) if array.dtype == object else array


def _bits(values: npt.NDArray[np.generic]) -> Keys:
    """Return single-precision values as integers, one for each value: −0 is 0, and every NaN is the same."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32) + np.float32(0)
    single[np.isnan(single)] = np.nan
    return single.view(np.uint32).astype(np.uint64)


def content_hash(values: list[npt.NDArray[np.generic]], n_rows: int) -> Keys:
    """Return a hash of the values in double precision, shape (events,)."""
    keys = np.zeros(n_rows, dtype=np.uint64)
    for start in range(0, n_rows, _CHUNK):
        rows = slice(start, start + _CHUNK)
        part = keys[rows]
        for column in values:
            part = mixed(part ^ (column[rows].astype(np.float64) + 0.0).view(np.uint64))
        keys[rows] = part
    return keys


def column_hash(table: pd.DataFrame, names: Sequence[str], rows: IntArray) -> Keys:
    """Return a hash of columns of any type, shape (rows,)."""
    keys = np.zeros(len(rows), dtype=np.uint64)
    for name in names:
        column = table[name].iloc[rows]
        numeric = pd.api.types.is_numeric_dtype(column)
        keys = mixed(keys ^ pd.util.hash_array(column.to_numpy() if numeric else column.astype(str).to_numpy(object)))
    return keys
