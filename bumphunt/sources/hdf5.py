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

from bumphunt.errors import InputError
from bumphunt.sources.recognition import Kind, existing_file, one_line

logger = logging.getLogger(__name__)

LAYOUT = "bumphunt-events"
"""Value of the attribute ``layout`` of this package's own files."""
RAW_COLUMNS = (2100, 2101)
"""700 particles of (pT, eta, phi), without and with the label."""


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
            yield file
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(f"{path}: damaged or truncated HDF5 ({one_line(error)}); make or download it again") from error


def identify_hdf5(path: Path) -> Kind:
    """Return the layout of an HDF5 file."""
    with open_hdf5(path) as file:
        if file.attrs.get("layout") == LAYOUT:
            return Kind.HDF5_EVENTS
        frame = find_frame(file, path)
        if len(frame.columns) in RAW_COLUMNS:
            return Kind.LHCO_RAW
        if {"pxj1", "pyj1", "pzj1", "mj1", "pxj2", "pyj2", "pzj2", "mj2"} <= set(frame.columns):
            return Kind.LHCO_FEATURES
        if "mjj" in frame.columns:
            return Kind.HDF5_EVENTS
    shown = ", ".join(frame.columns[:6])
    raise InputError(
        f"{path}: an HDF5 frame of {len(frame.columns)} columns ({shown}, ...) is neither an event table, "
        "nor the features or raw layout of the LHC Olympics; rename its columns or convert it"
    )


def find_frame(file: h5py.File, path: str | Path) -> Frame:
    """Return the only frame of a file that pandas wrote, in its ``fixed`` or ``table`` format."""
    groups = [file, *(item for item in file.values() if isinstance(item, h5py.Group))]
    frames = [group for group in groups if "table" in group or "block0_values" in group]
    if not frames:
        raise InputError(f"{path}: HDF5 without a pandas frame or an event table; convert it to parquet")
    if len(frames) > 1:
        names = ", ".join(str(group.name) for group in frames)
        raise InputError(f"{path}: holds {len(frames)} frames ({names}); keep one per file")
    return _table(frames[0], path) if "table" in frames[0] else _fixed(frames[0], path)


def _fixed(group: h5py.Group, path: str | Path) -> Frame:
    blocks: list[tuple[h5py.Dataset, str | None, tuple[str, ...]]] = []
    while f"block{len(blocks)}_values" in group:
        values = group[f"block{len(blocks)}_values"]
        items = group[f"block{len(blocks)}_items"][()]
        if values.ndim != 2 or values.dtype.kind not in "fiub" or values.shape[1] != len(items):
            raise InputError(
                f"{path}: block {len(blocks)} of the frame is not a table of numbers; convert it to parquet"
            )
        blocks.append((values, None, tuple(_text(item) for item in items)))
    axis = group["axis0"][()] if "axis0" in group else [name for block in blocks for name in block[2]]
    return _frame(tuple(_text(item) for item in axis), blocks, path)


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


def _frame(columns: tuple[str, ...], blocks: list[Any], path: str | Path) -> Frame:
    named = [name for block in blocks for name in block[2]]
    if not blocks or sorted(named) != sorted(columns) or len(set(columns)) != len(columns):
        raise InputError(f"{path}: the frame's columns do not match its blocks of numbers; convert it to parquet")
    return Frame(columns=columns, blocks=tuple(blocks), rows=int(blocks[0][0].shape[0]))


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
