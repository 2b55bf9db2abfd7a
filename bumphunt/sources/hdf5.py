"""HDF5 files: which layout one has, and frames that pandas wrote, read without PyTables or pickle."""

import logging
import pickletools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (registers the blosc filter)
import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.sources.layouts import Location, existing_file, one_line

logger = logging.getLogger(__name__)

LAYOUT = "bumphunt-events"
"""Value of the attribute ``layout`` of this package's own files."""
RAW_COLUMNS = (2100, 2101)
"""700 particles of (pT, eta, phi), without and with the label."""
_MOST_GROUPS = 10_000

_PICKLED_NAMES = (
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A frame inside an HDF5 file: blocks of columns of the same length, nothing read yet."""

    columns: tuple[str, ...]
    blocks: tuple[tuple[h5py.Dataset, str | None, tuple[str, ...]], ...]
    rows: int
    notes: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        """Return all rows, every column in the type it was written in."""
        columns: dict[str, Any] = {}
        for dataset, field, names in self.blocks:
            part = np.asarray(dataset[()] if field is None else dataset.fields(field)[()]).reshape(
                self.rows, len(names)
            )
            columns.update({name: part[:, index] for index, name in enumerate(names)})
        return pd.DataFrame({name: columns[name] for name in self.columns})

    def read(self, start: int, stop: int) -> npt.NDArray[np.float64]:
        """Return rows ``start`` to ``stop`` as floats, shape (rows, columns)."""
        values = np.empty((max(stop - start, 0), len(self.columns)))
        position = {name: index for index, name in enumerate(self.columns)}
        for dataset, field, names in self.blocks:
            part = dataset[start:stop] if field is None else dataset.fields(field)[start:stop]
            part = np.asarray(part).reshape(len(values), len(names))
            where = [position[name] for name in names]
            if where == list(range(where[0], where[0] + len(where))):
                values[:, where[0] : where[0] + len(where)] = part
            else:
                values[:, where] = part
        return values


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open for reading; every failure of the library becomes an :class:`InputError` of one line."""
    path = existing_file(path)
    try:
        with h5py.File(path, "r") as file:
            _refuse_outside(file, path)
            yield file
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(f"{path}: damaged or truncated HDF5 ({one_line(error)}); make or download it again") from error


def _refuse_outside(file: h5py.File, path: Path) -> None:
    """Refuse a file that would have other files read: external links, external storage, virtual datasets."""
    groups, seen = [file["/"]], set()
    while groups:
        group = groups.pop()
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                raise InputError(
                    f"{path}: {group.name.rstrip('/')}/{name} is a link to another file, which is not followed; "
                    "copy the data into one file"
                )
            item = group.get(name)
            if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
                raise InputError(f"{path}: {item.name} keeps its data in another file; copy the data into one file")
            if isinstance(item, h5py.Group):
                address = h5py.h5o.get_info(item.id).addr
                if address not in seen:
                    seen.add(address)
                    groups.append(item)
                if len(seen) > _MOST_GROUPS:
                    raise InputError(f"{path}: holds more than {_MOST_GROUPS} groups; give a file of one table")


@contextmanager
def frame_in(location: Location) -> Iterator[Frame | None]:
    """Open a file and give the frame that pandas wrote in it, or None."""
    with open_hdf5(location.path) as file:
        yield find_frame(file, location) if len(frames_in(file, location)) == 1 else None


def frames_in(file: h5py.File, location: Location) -> list[h5py.Group]:
    """Return the groups that are frames of pandas, or the one that is named."""
    if location.member is not None:
        named = file.get(location.member)
        groups = [named] if isinstance(named, h5py.Group) else []
    else:
        groups = [file, *(item for item in file.values() if isinstance(item, h5py.Group))]
    return [group for group in groups if "table" in group or "block0_values" in group]


def find_frame(file: h5py.File, path: str | Path | Location) -> Frame:
    """Return the only frame of a file that pandas wrote, in its ``fixed`` or ``table`` format."""
    location = path if isinstance(path, Location) else Location(path=Path(path))
    frames = frames_in(file, location)
    if not frames:
        raise InputError(f"{location}: HDF5 without a pandas frame or an event table; convert it to parquet")
    if len(frames) > 1:
        names = ", ".join(str(group.name) for group in frames)
        first = str(frames[0].name).strip("/")
        raise InputError(
            f"{location}: holds {len(frames)} frames ({names}); choose one by its name, as in '{location}:{first}'"
        )
    group = frames[0]
    return _table(group, location.path) if "table" in group else _fixed(group, location.path)


def _fixed(group: h5py.Group, path: str | Path) -> Frame:
    blocks: list[tuple[h5py.Dataset, str | None, tuple[str, ...]]] = []
    left: list[str] = []
    number = 0
    while f"block{number}_values" in group:
        values = group[f"block{number}_values"]
        items = tuple(_text(item) for item in group[f"block{number}_items"][()])
        number += 1
        if values.ndim == 2 and values.dtype.kind in "fiub" and values.shape[1] == len(items):
            blocks.append((values, None, items))
        else:  # texts and other objects are pickled, and pickles are never executed
            left.extend(items)
    axis = group["axis0"][()] if "axis0" in group else [name for block in blocks for name in block[2]]
    columns = tuple(name for name in map(_text, axis) if name not in left)
    notes = (f"columns without numbers are not read: {', '.join(left)}",) if left else ()
    return _frame(columns, blocks, path, notes=notes)


def _table(group: h5py.Group, path: str | Path) -> Frame:
    table = group["table"]
    if table.dtype.fields is None:
        raise InputError(f"{path}: the dataset {table.name!r} is not a table of named fields; convert it to parquet")
    blocks: list[tuple[h5py.Dataset, str | None, tuple[str, ...]]] = []
    for field, (dtype, *_) in table.dtype.fields.items():
        if field == "index" or dtype.base.kind not in "fiub":
            continue
        width = int(np.prod(dtype.shape)) if dtype.shape else 1
        if field.startswith("values_block_"):
            names = _names_in_pickle(table.attrs.get(f"{field}_kind", b""))
            names = names if len(names) == width else tuple(f"{field}_{index}" for index in range(width))
        else:
            names = (field,)
        blocks.append((table, field, names))
    return _frame(tuple(name for block in blocks for name in block[2]), blocks, path)


def _frame(columns: tuple[str, ...], blocks: list[Any], path: str | Path, *, notes: tuple[str, ...] = ()) -> Frame:
    named = [name for block in blocks for name in block[2]]
    if not blocks or sorted(named) != sorted(columns) or len(set(columns)) != len(columns):
        raise InputError(f"{path}: the frame's columns do not match its blocks of numbers; convert it to parquet")
    return Frame(columns=columns, blocks=tuple(blocks), rows=int(blocks[0][0].shape[0]), notes=notes)


def _text(item: Any) -> str:
    return item.decode() if isinstance(item, bytes) else str(item)


def _names_in_pickle(text: Any) -> tuple[str, ...]:
    """Return the strings and integers of a pickled list of column names, which is parsed, never executed."""
    raw = text.encode("latin1") if isinstance(text, str) else bytes(np.asarray(text).tobytes()).rstrip(b"\x00")
    names = []
    try:
        for opcode, argument, _ in pickletools.genops(raw + (b"" if raw.endswith(b".") else b".")):
            if opcode.name in _PICKLED_NAMES:
                names.append(str(argument))
    except (ValueError, UnicodeDecodeError):
        return ()
    return tuple(names)
