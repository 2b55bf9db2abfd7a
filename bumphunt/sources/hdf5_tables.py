"""Event tables in HDF5: this package's own layout, a frame that pandas wrote, one dataset a column, a compound."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import h5py
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.sources.hdf5 import LAYOUT, find_frame, frames_in, open_hdf5
from bumphunt.sources.layouts import SIMULATION, Location, Reading
from bumphunt.table.columns import closest_column


def matches(location: Location) -> bool:
    """Return whether the file holds named columns of numbers."""
    with open_hdf5(location.path) as file:
        if file.attrs.get("layout") == LAYOUT or (location.member or "/") not in file:
            return True
        if frames_in(file, location):
            names = find_frame(file, location).columns
            if _fits(names, location):
                return True
            raise InputError(
                f"{location}: an HDF5 frame of {len(names)} columns ({', '.join(names[:6])}, ...) is neither an event "
                f"table with {location.required[0]!r}, nor the features or raw layout of the LHC Olympics; "
                "rename its columns or convert it"
            )
        return any(_fits(_columns(node), location) for node in _nodes(file, location))


def _fits(names: Iterable[str], location: Location) -> bool:
    """Return whether these could be the columns of events, if perhaps under other names."""
    names = list(names)
    return location.required[0] in names or closest_column(location.required[0], names) is not None


def read(location: Location) -> Reading:
    """Return the table."""
    path = location.path
    with open_hdf5(path) as file:
        if location.member is not None and location.member not in file:
            raise InputError(f"{path}: has no group {location.member!r} (found: {', '.join(file)}); name one of them")
        if file.attrs.get("layout") == LAYOUT:
            group = file["events"]
            own = _table({str(name): group[name] for name in group.attrs["columns"]}, location)
            return replace(own, simulated=SIMULATION in file.attrs)
        if frames_in(file, location):
            frame = find_frame(file, location)
            return Reading(table=frame.table(), notes=frame.notes)
        found = {node.name: columns for node in _nodes(file, location) if _fits(columns := _columns(node), location)}
        fitting = [name for name, columns in found.items() if set(location.required) <= set(columns)]
        chosen = fitting if fitting else list(found)
        if len(chosen) != 1:
            raise InputError(
                f"{path}: {len(chosen)} groups could be the events ({', '.join(chosen)}); choose one by its name, "
                f"as in '{path}:{chosen[0].strip('/')}'"
            )
        return _table(found[chosen[0]], location)


def _nodes(file: h5py.File, location: Location) -> Iterator[Any]:
    root = file[location.member or "/"]
    yield root
    if isinstance(root, h5py.Group):
        yield from root.values()


def _columns(node: Any) -> dict[str, Any]:
    """Return the columns of a group of datasets, or the fields of a compound dataset; a damaged node has none."""
    if not isinstance(node, h5py.Dataset | h5py.Group):
        return {}
    if isinstance(node, h5py.Dataset):
        if node.ndim != 1 or node.dtype.fields is None:
            return {}
        return {name: _Field(node, name) for name, (kind, *_) in node.dtype.fields.items() if kind.kind in "fiub"}
    flat = {name: item for name, item in node.items() if isinstance(item, h5py.Dataset) and item.ndim == 1}
    return {name: item for name, item in flat.items() if item.dtype.fields is None}


class _Field:
    """A field of a compound dataset, read like a dataset."""

    def __init__(self, dataset: h5py.Dataset, name: str) -> None:
        self.dataset, self.name = dataset, name

    def __getitem__(self, key: Any) -> Any:
        return self.dataset.fields(self.name)[key]

    def __len__(self) -> int:
        return len(self.dataset)


def _table(columns: dict[str, Any], location: Location) -> Reading:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise InputError(f"{location}: columns of different lengths {sorted(lengths)}; make the file again")
    return Reading(table=pd.DataFrame({name: values[()] for name, values in columns.items()}))
