"""Archives of arrays as :func:`numpy.savez` writes them, whose members can be mapped into memory instead of read."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ALIGNMENT = 64
"""Bytes at whose multiples arrays begin."""

_HEADER = 30  # bytes before the name of a member
_ZIP64 = 20  # bytes that a member of any size adds behind it
_PADDING = 0x4E50  # mark of an extra field that nobody reads
_DATE = (1980, 1, 1, 0, 0, 0)  # so that equal arrays give equal files


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write an archive that :func:`numpy.load` reads."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _DATE)
            before = archive.start_dir + _HEADER + len(member.filename.encode()) + _ZIP64
            padding = -(before + 4) % ALIGNMENT
            member.extra = _PADDING.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(values), allow_pickle=False)


def mapped_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of such an archive, read-only; parts of them are read from the file when they are used."""
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            file.seek(member.header_offset + _HEADER - 4)
            lengths = file.read(4)
            file.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little"), 1)
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = header(file)
            order: Any = "F" if fortran else "C"
            values: npt.NDArray[Any] = (
                np.memmap(path, dtype=dtype, mode="r", offset=file.tell(), shape=shape, order=order)
                if 0 not in shape
                else np.empty(shape, dtype)
            )
            found[member.filename.removesuffix(".npy")] = values.view(np.ndarray)
    return found
