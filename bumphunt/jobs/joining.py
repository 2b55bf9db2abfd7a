"""Tables of several files, one below the other."""

from dataclasses import replace

import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import LABEL
from bumphunt.sources.layouts import Location, Reading


def joined(readings: list[Reading], locations: tuple[Location, ...], notes: tuple[str, ...]) -> Reading:
    """Return what several files hold as one; the tables of the readings are emptied, so that events are there once.

    Raises
    ------
    InputError
        If the files differ in their columns.
    """
    first = readings[0].table
    known = all(LABEL in reading.table.columns for reading in readings)
    tables = []
    for reading, location in zip(readings, locations, strict=True):
        table, left_out = reading.table, set() if known else {LABEL}
        columns = {str(column) for column in table.columns} - left_out
        wanted = {str(column) for column in first.columns} - left_out
        for column in sorted(columns ^ wanted):
            has, lacks = (location, locations[0]) if column in columns else (locations[0], location)
            raise InputError(f"{lacks}: has no column {column!r}, but {has} has; give files with the same columns")
        tables.append(table)
    if len(tables) == 1:
        return replace(readings[0], table=tables[0], notes=(*notes, *readings[0].notes))
    said = [
        f"{location}: {note}" for reading, location in zip(readings, locations, strict=True) for note in reading.notes
    ]
    order = [column for column in first.columns if known or column != LABEL]
    return Reading(
        table=_below(tables, order),
        notes=(*notes, *said),
        dropped=sum(reading.dropped for reading in readings),
        simulated=any(reading.simulated for reading in readings),
    )


def _below(tables: list[pd.DataFrame], order: list[str]) -> pd.DataFrame:
    """Return tables one below the other, a column at a time, each given up by its table once it is joined."""
    if any(table.columns.has_duplicates for table in tables):  # refused later, by name
        return pd.concat([table[order] for table in tables], ignore_index=True)
    columns = {}
    for name in order:
        # frames, because pandas joins types of frames and of single columns by different rules
        parts = [table.pop(name).to_frame() for table in tables]
        columns[name] = pd.concat(parts, ignore_index=True)[name]
    return pd.DataFrame(columns, copy=False)
