"""Luminosity masks: which runs and luminosity blocks were certified, ``{"run": [[first, last], ...]}``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.sources.layouts import existing_file, one_line

COLUMNS = ("run", "luminosityBlock")
"""The columns that a mask looks at."""


def read_mask(path: str | Path) -> dict[int, list[tuple[int, int]]]:
    """Return the certified ranges of luminosity blocks of each run, both ends included.

    Raises
    ------
    InputError
        If the file is no such JSON.
    """
    path = existing_file(path, what="the JSON of certified luminosity blocks")
    try:
        content: Any = json.loads(path.read_text("utf-8"))
        return {
            int(run): [(_whole(low), _whole(high)) for low, high in ranges] for run, ranges in dict(content).items()
        }
    except (OSError, ValueError, TypeError, RecursionError) as error:
        # what a parser of JSON says of a text that is none helps nobody
        told = "" if isinstance(error, UnicodeDecodeError | json.JSONDecodeError) else f" ({one_line(error)})"
        raise InputError(
            f'{path}: is no luminosity mask{told}; it must be JSON that reads {{"run": [[first, last], ...]}}'
        ) from error


def certified(
    table: pd.DataFrame, mask: dict[int, list[tuple[int, int]]], *, name: str = "events"
) -> npt.NDArray[np.bool_]:
    """Return which rows are in a certified luminosity block, shape (rows,).

    Raises
    ------
    InputError
        If the table does not say where its events come from.
    """
    absent = [column for column in COLUMNS if column not in table.columns]
    if absent:
        raise InputError(f"{name}: a luminosity mask needs the column {absent[0]!r}; give events that have it")
    run, block = (table[column].to_numpy(dtype=np.float64, na_value=np.nan) for column in COLUMNS)
    good = np.zeros(len(table), dtype=np.bool_)
    for number in np.unique(run[np.isfinite(run)]):
        here = run == number
        for low, high in mask.get(int(number), ()):
            good |= here & (block >= low) & (block <= high)
    return good


def certified_rows(table: pd.DataFrame, path: str | Path, *, name: str) -> tuple[npt.NDArray[np.bool_], str]:
    """Return which rows of a table the mask in a file certifies, and what to say of the others.

    Raises
    ------
    InputError
        If the mask cannot be read, or certifies none of the events.
    """
    good = certified(table, read_mask(path), name=name)
    if len(good) and not good.any():
        raise InputError(
            f"{name}: {path} certifies the luminosity block of none of {len(good)} events; give the mask of these data"
        )
    return good, f"{int((~good).sum())} of {len(good)} events are in no certified luminosity block and are dropped"


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number of a luminosity block")
    return value
