"""What a file is, found out from its content and never from its name; the registry of the layouts.

To add a layout: a module with ``matches(location)`` and ``read(location)``, and a line in :data:`LAYOUTS`.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from bumphunt.errors import InputError
from bumphunt.sources.encodings import encoding_of
from bumphunt.sources.layouts import Kind, Location, Reading, existing_file, one_line

__all__ = ["LAYOUTS", "Kind", "Location", "Reading", "existing_file", "identify", "locate_kind", "one_line", "read"]


class Reader(Protocol):
    """A module that knows one layout."""

    def matches(self, location: Location) -> bool:
        """Return whether the file has this layout, after its first bytes have fitted."""

    def read(self, location: Location) -> Reading:
        """Return what the file holds."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout: its name, the bytes that its files begin with, and its module in this room."""

    kind: str
    magic: bytes
    module: str

    @property
    def reader(self) -> Reader:
        """The module, loaded where it is needed."""
        return cast(Reader, importlib.import_module(f"bumphunt.sources.{self.module}"))


_HDF5 = b"\x89HDF\r\n\x1a\n"
LAYOUTS = (
    Layout(Kind.PARQUET, b"PAR1", "parquet"),
    Layout(Kind.NANOAOD, b"root", "nanoaod"),
    Layout(Kind.ROOT, b"root", "root_trees"),
    Layout(Kind.ASPEN_JETS, _HDF5, "aspen"),
    Layout(Kind.LHCO_RAW, _HDF5, "lhco_raw"),
    Layout(Kind.LHCO_FEATURES, _HDF5, "lhco"),
    Layout(Kind.HDF5_EVENTS, _HDF5, "hdf5_tables"),
    Layout(Kind.CSV, b"", "delimited"),
)
"""The first that matches is taken."""


def locate_kind(location: Location) -> Layout:
    """Return the layout of a file.

    Raises
    ------
    InputError
        If the file does not exist, is a folder, is empty, cannot be opened, is truncated, or is of
        no known kind.
    """
    path = existing_file(location.path)
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    binary = any(layout.magic and head.startswith(layout.magic) for layout in LAYOUTS)
    for layout in LAYOUTS:
        if (layout.magic or not binary) and head.startswith(layout.magic) and layout.reader.matches(location):
            return layout
    if head.startswith(_HDF5):
        raise InputError(
            f"{location}: HDF5 without a pandas frame or an event table of one dataset a column, and neither LHC "
            "Olympics nor Aspen Open Jets; convert it to parquet"
        )
    if head.lstrip().startswith((b"{", b"[")):
        raise InputError(f"{path}: looks like JSON; a spectrum of counts is for `bumphunt scan`, events are a table")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: is the pointer that Git LFS leaves in place of a file; fetch it: `git lfs pull`")
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        raise InputError(f"{path}: looks like a pickle, which is not read; write it with to_parquet")
    for begins, what in _UNREADABLE.items():
        if head.startswith(begins):
            raise InputError(f"{path}: is {what}, which is not read; {_REMEDIES.get(what, 'unpack it first')}")
    wide = encoding_of(head)
    if wide is not None:
        raise InputError(
            f"{path}: looks like text in {wide}; save it in UTF-8 (for example `iconv -f {wide} -t UTF-8`)"
        )
    raise InputError(
        f"{path}: neither parquet, csv, HDF5 nor ROOT by its content; "
        "convert it to one of these (compressed files, other than csv in gzip, must be unpacked first)"
    )


_UNREADABLE = {
    b"PK\x03\x04": "a zip archive (as .zip, .npz and .xlsx are)",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\x1f\x8b": "compressed with gzip, and holds no text in UTF-8 with a table",
    b"\x93NUMPY": "a numpy array",
    b"ARROW1": "an Arrow file (feather)",
    b"SIMPLE  =": "a FITS file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"<": "XML or HTML, perhaps a page in place of a download",
}
_REMEDIES = {
    "a zip archive (as .zip, .npz and .xlsx are)": "unpack it, or convert what is in it to parquet",
    "a PDF": "give a table of events",
    "XML or HTML, perhaps a page in place of a download": "give a table of events",
} | dict.fromkeys(
    ("a numpy array", "an Arrow file (feather)", "a FITS file", "an SQLite database"), "convert it to parquet"
)


def identify(path: str | Path) -> str:
    """Return the layout of a file, see :func:`locate_kind`."""
    return locate_kind(Location(path=Path(path))).kind


def read(location: Location) -> Reading:
    """Return what a file of any known layout holds; raw particles are read by :mod:`bumphunt.sources.lhco` instead."""
    return locate_kind(location).reader.read(location)
