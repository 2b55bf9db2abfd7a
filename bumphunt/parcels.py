"""Tasks on their way to other processes: large arrays that several of them hold travel once, or not at all.

A task is written with the places of its large arrays in a list. Processes of this machine map the arrays from files in
a temporary folder, so that there is one copy of them for all; other machines are sent each of them once.
"""

import io
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.files import clear, reason

LARGE = 1 << 20
"""Bytes from which on an array is kept out of a task."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcels:
    """Tasks without their large arrays, and these, each of them once.

    Parameters
    ----------
    tasks : list of bytes
        For :func:`open_parcel`.
    arrays : list of numpy.ndarray
        What the tasks have in common.
    """

    tasks: list[bytes]
    arrays: list[Array] = field(default_factory=list)


def packed(tasks: Sequence[Any]) -> Parcels:
    """Return tasks as they travel."""
    from joblib.externals.loky.backend.reduction import get_loky_pickler

    arrays: list[Array] = []
    places: dict[int, int] = {}

    class Packer(get_loky_pickler()):  # type: ignore[misc]
        def persistent_id(self, item: Any) -> int | None:
            if type(item) is not np.ndarray or item.nbytes < LARGE or item.dtype.hasobject:
                return None
            if id(item) not in places:
                places[id(item)] = len(arrays)
                arrays.append(item)  # kept here, its address belongs to no other
            return places[id(item)]

    written = []
    for task in tasks:
        file = io.BytesIO()
        Packer(file).dump(task)
        written.append(file.getvalue())
    return Parcels(tasks=written, arrays=arrays)


def run_parcel(function: Callable[[Any], Any], task: bytes, arrays: Sequence[Array | Path]) -> Any:
    """Apply a function to a task; arrays given as paths are mapped."""

    class Opener(pickle.Unpickler):
        def persistent_load(self, place: int) -> Array:
            found = arrays[place]
            if isinstance(found, np.ndarray):
                # what came through a network lies at any address, where numpy adds in another order
                return np.require(found, requirements="A")
            return np.asarray(np.load(found, mmap_mode="r"))

    return function(Opener(io.BytesIO(task)).load())


@contextmanager
def on_disk(arrays: Sequence[Array]) -> Iterator[list[Path]]:
    """Keep arrays in files of a temporary folder that goes when this ends, also when the process is killed.

    Raises
    ------
    InputError
        If there is no room for them.
    """
    if not arrays:
        yield []
        return
    from joblib.externals.loky.backend import resource_tracker

    try:
        folder = tempfile.mkdtemp(prefix="bumphunt-")
    except OSError as error:
        raise InputError(
            f"worker processes share events in a temporary folder, and none can be made ({reason(error)}); "
            "name one in TMPDIR, or give --workers 1"
        ) from error
    resource_tracker.register(folder, "folder")
    try:
        paths = [Path(folder) / f"{place}.npy" for place in range(len(arrays))]
        try:
            for path, array in zip(paths, arrays, strict=True):
                np.save(path, array, allow_pickle=False)
        except OSError as error:
            size = sum(array.nbytes for array in arrays) / 1e6
            raise InputError(
                f"{folder}: {size:.0f} MB that worker processes share cannot be written ({reason(error)}); make room, "
                "name another folder in TMPDIR, or give --workers 1"
            ) from error
        yield paths
    finally:
        clear(Path(folder))
        resource_tracker.unregister(folder, "folder")
