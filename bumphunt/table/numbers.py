"""Columns of a table as numbers, whatever type they have, or a refusal that names one of their values."""

import numbers
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]


def as_numbers(values: "pd.Series[Any]", column: str, name: str) -> FloatArray:
    """Return a column as floats, NaN where a value is missing, or refuse it with one of its values."""
    kind = values.dtype
    if not pd.api.types.is_object_dtype(kind) and (
        pd.api.types.is_bool_dtype(kind)
        or pd.api.types.is_complex_dtype(kind)
        or not pd.api.types.is_numeric_dtype(kind)
    ):
        words = "true or false" if pd.api.types.is_bool_dtype(kind) else f"of type {kind}"
        raise InputError(
            f"{name}: column {column!r} is not numeric but {words} ({_first_text(values)}); convert it to numbers"
        )
    if pd.api.types.is_object_dtype(kind):
        for row, value in enumerate(values):
            fine = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
            if not (fine or value is None or value is pd.NA or _is_number_like(value)):
                raise InputError(
                    f"{name}: column {column!r} is not numeric: it is {value!r} at row {row}; convert it to numbers"
                )
    try:
        numbers_: FloatArray = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name}: column {column!r} holds values that are no numbers of 64 bits ({_first_text(values)}); convert it"
        ) from error
    return numbers_


class Numbers(Mapping[str, FloatArray]):
    """The used columns as numbers, one in memory at a time where it is as it was given.

    ``changed`` holds those that were repaired.
    """

    def __init__(self, table: pd.DataFrame, used: tuple[str, ...], name: str) -> None:
        self._table, self._used, self._name = table, used, name
        self.changed: dict[str, FloatArray] = {}
        for column in used:
            # what is no plain column of numbers is looked at value by value, once
            if not plain(table[column]):
                self.changed[column] = as_numbers(table[column], column, name)

    def __getitem__(self, column: str) -> FloatArray:
        found = self.changed.get(column)
        return as_numbers(self._table[column], column, self._name) if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._used)

    def __len__(self) -> int:
        return len(self._used)

    def as_given(self, column: str) -> bool:
        """Return whether the column holds these numbers already."""
        kind = self._table[column].dtype.kind
        return (kind == "f" and column not in self.changed) or same(self._table[column], self[column])


def plain(column: "pd.Series[Any]") -> bool:
    """Return whether a column is one of plain numbers: neither text nor truth values nor one with missing values."""
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu"


def _is_number_like(value: object) -> bool:
    return type(value).__name__ == "Decimal"


def _first_text(values: "pd.Series[Any]") -> str:
    """Return the first value that is no number, or else the first value."""
    for row, value in enumerate(values):
        if isinstance(value, str | int):
            try:
                float(value)
            except (ValueError, OverflowError):
                if isinstance(value, int):  # too long to be written
                    return f"a whole number of {value.bit_length()} bits at row {row}"
                return f"it is {value!r} at row {row}"
    return f"it is {str(values.iloc[0])!r} at row 0"


def same(column: "pd.Series[Any]", values: FloatArray) -> bool:
    """Return whether a column is one of plain numbers and holds these."""
    return plain(column) and np.array_equal(column, values, True)
