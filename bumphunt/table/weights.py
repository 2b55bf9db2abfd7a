"""Weights in a table: one rule for everything that counts events."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.table.columns import FEATURES, WEIGHTS


def common_weight(table: pd.DataFrame, *, name: str = "events") -> float:
    """Return the one weight that all events carry, 1 where there is none; to be asked before events are counted.

    Parameters
    ----------
    table : pandas.DataFrame
        Events, perhaps with a column of :data:`bumphunt.events.WEIGHTS`, however these are spelt.
    name : str
        What to call the table in messages.

    Raises
    ------
    InputError
        If weights differ, or are no positive numbers: training, counts and intervals are for unweighted events.
    """
    factor = 1.0
    for column in weight_columns(table):
        if len(table) == 0:
            continue
        numbers = weight_numbers(table[column])
        low, high = (float(numbers.min()), float(numbers.max())) if np.isfinite(numbers).all() else (np.nan, np.nan)
        if not (low > 0 and high - low <= 1e-9 * high):
            found = "are not all numbers" if np.isnan(low) else f"are {low:.6g} to {high:.6g}"
            raise InputError(
                f"{name}: the events carry different weights: those in column {column!r} {found}, but training, counts "
                "and intervals here are for unweighted events; unweight them (accept each with probability weight / "
                f"largest weight) or drop the column {column!r}"
            )
        factor *= high
    return factor


def weight_numbers(column: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """Return weights as numbers, NaN where they are none: words, dates, true or false, complex numbers.

    Examples
    --------
    >>> weight_numbers(pd.Series(["0.5", "heavy"])).tolist()
    [0.5, nan]
    >>> weight_numbers(pd.Series([True])).tolist()
    [nan]
    """
    kind = column.dtype
    real = pd.api.types.is_numeric_dtype(kind) and not (
        pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind)
    )
    if not (real or pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)):
        return np.full(len(column), np.nan)
    numbers: npt.NDArray[np.float64] = pd.to_numeric(column, errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    return numbers


def weight_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that carry event weights by their names, in small or large letters.

    Examples
    --------
    >>> weight_columns(pd.DataFrame(columns=["mjj", "EventWeight", "weight_pileup"]))
    ('EventWeight',)
    """
    known = {_plain(name) for name in WEIGHTS}
    return tuple(str(column) for column in table.columns if isinstance(column, str) and _plain(column) in known)


def unknown_weights(table: pd.DataFrame, *, used: Iterable[str] = FEATURES) -> tuple[str, ...]:
    """Return a sentence for each other column that may be one of weights and is not ``used`` for anything."""
    meant, known = set(used), set(weight_columns(table))
    return tuple(
        f"column {column!r} may hold event weights and is not used: every event counts as one; "
        "call it 'weight' if it is the weight of the event"
        for column in map(str, table.columns)
        if column not in meant | known and _LIKE_A_WEIGHT.search(_plain(column))
    )


_LIKE_A_WEIGHT = re.compile(r"weight|wgt|^w(t|ts)?$")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def weight_sentence(factor: float) -> str:
    """Say what a common weight means for the answers."""
    return (
        f"every event carries the weight {factor:.6g}; events are counted as one each, "
        f"so multiply yields and limits by {factor:.6g}"
    )
