"""Files of jets, read and paired a part at a time by whoever works: processes of this machine, or a cluster."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from bumphunt.errors import InputError
from bumphunt.execution import Workers, in_order
from bumphunt.features.fat_jets import dijets_of_jets
from bumphunt.sources import aspen, nanoaod
from bumphunt.sources.layouts import Kind, Location, Reading

PAIRED = (Kind.NANOAOD, Kind.ASPEN_JETS)
"""Layouts with a jet a row or in a list, of which events are made here."""
PART = 1 << 17
"""Events of NanoAOD that are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Consecutive events of a file, or all of them where ``last`` is None."""

    kind: str
    location: Location
    first: int = 0
    last: int | None = None


def read_pairs(locations: tuple[Location, ...], kind: str, workers: Workers) -> list[Reading]:
    """Return the pairs of jets in each file; their order and values do not depend on ``workers``.

    NanoAOD is read :data:`PART` events at a time. Jets of one event may be anywhere in a file of Aspen Open Jets, so
    that these are read whole, several side by side.

    Raises
    ------
    InputError
        If a file is damaged, or none of its events has two jets.
    """
    # workers on other machines share the file system, not the folder this process is in
    alone = workers.number == 1 and workers.scheduler is None
    parts = [
        list(_parts(location if alone else replace(location, path=location.path.absolute()), kind))
        for location in locations
    ]
    found = in_order(workers.map(_paired, [part for of_file in parts for part in of_file]))
    readings = []
    for location, of_file in zip(locations, parts, strict=True):
        readings.append(_together([next(found) for _ in of_file], location))
    return readings


def _parts(location: Location, kind: str) -> Iterator[_Part]:
    if kind != Kind.NANOAOD:
        yield _Part(kind=kind, location=location)
        return
    number = nanoaod.count(location)
    for first in range(0, max(number, 1), PART):
        yield _Part(kind=kind, location=location, first=first, last=min(first + PART, number))


def _paired(part: _Part) -> Reading:
    """Return the pairs of a part; ``dropped`` are its events with fewer than two jets."""
    if part.kind == Kind.NANOAOD:
        reading = nanoaod.read(part.location, first=part.first, last=part.last)
    else:
        reading = aspen.read(part.location)
    table = dijets_of_jets(reading.table)
    dropped = int(reading.table.attrs["events"]) - len(table)
    return replace(reading, table=table, dropped=dropped)


def _together(parts: list[Reading], location: Location) -> Reading:
    few = sum(part.dropped for part in parts)
    table = parts[0].table if len(parts) == 1 else pd.concat([part.table for part in parts], ignore_index=True)
    events = few + len(table)
    if len(table) == 0:
        raise InputError(f"{location}: none of {events} events has two large-radius jets; give other events")
    notes = parts[0].notes
    if few:
        notes = (*notes, f"{few} of {events} events have fewer than two large-radius jets and are dropped")
    return replace(parts[0], table=table, notes=notes, dropped=few)
