"""Stage products on disk, so that an interrupted run goes on where it stopped.

Each product says which request it belongs to and carries its own checksum. What does not fit, because it was edited,
cut short, or put there by somebody else, is computed again and named in a warning.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError, as_line, warn_user
from bumphunt.files import check_output_folder, make_folder, write_atomically, write_json
from bumphunt.jobs.array_files import mapped_arrays, save_arrays
from bumphunt.jobs.replacement import (
    PRODUCED,
    begin_replacement,
    bring_limits,
    complete_replacement,
    discard_replacement,
    finish_replacement,
    move_pending,
    pending_replacement,
    remove,
)
from bumphunt.locks import locked
from bumphunt.pipeline.windows import WindowOutcome

LAYOUT = 2
"""Form of the stored products; those of another one are another version's."""

LOCK = ".lock"
_DIGEST, _REQUEST = "__sha256__", "__request__"


@contextmanager
def output_folder(output: str | Path, *, resume: bool = True, overwrite: bool = False) -> Iterator[Path]:
    """Give the folder for what a command writes, made if missing and kept from other processes meanwhile.

    Parameters
    ----------
    output : path
        The folder. One that was made here and left empty is removed again.
    resume, overwrite : bool
        One of the two is needed where a finished result is there already.

    Raises
    ------
    InputError
        If it is a file, cannot be written to, is in use by another process, or holds a finished result.
    """
    folder = Path(output)
    if resume and overwrite:
        raise InputError("resume keeps what is in the output folder and overwrite removes it; give one of the two")
    check_output_folder(folder)
    new = not folder.exists()
    make_folder(folder)
    refusal = f"{folder} is in use by another process of bumphunt; wait for it, or choose another --output"
    try:
        with locked(folder / LOCK, refusal=refusal):
            complete_replacement(folder)
            if not (resume or overwrite):
                _refuse_finished(folder)
            yield folder
    finally:
        if new and {path.name for path in folder.iterdir()} <= {LOCK}:
            # a process that uses the folder meanwhile keeps it: rmdir refuses one with anything in it
            with suppress(OSError):
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()


def settle(output: str | Path) -> None:
    """Complete what a process that was killed left half-moved in an output folder; for commands that only read it."""
    if move_pending(Path(output)):
        with output_folder(output):
            return


def _refuse_finished(folder: Path) -> None:
    marked = any((folder / name).exists() for name in ("stages/request.json", "products.json"))
    if marked and (folder / "result.json").exists():
        raise InputError(
            f"{folder} holds a finished result; give --overwrite to replace it, --resume to complete what is missing, "
            "or another --output"
        )


def refuse_foreign(directory: Path) -> list[Path]:
    """Return what an earlier run wrote, to be replaced.

    Raises
    ------
    InputError
        If files of these names are there that no run of this program made.
    """
    # a run leaves its request behind, a saved hunt what its figures are drawn from; any other folder is somebody's work
    ours = (directory / "stages" / "request.json", directory / "products.json")
    found = [directory / name for name in PRODUCED]
    found = [path for path in found if path.is_symlink() or path.exists()]
    # a disk that was full leaves a folder with nothing in it
    others = [path for path in found if path.is_symlink() or not path.is_dir() or any(path.iterdir())]
    if others and not any(mark.exists() for mark in ours):
        raise InputError(
            f"{others[0]} was not made by this program and will not be overwritten; choose another --output"
        )
    return found


def key_of(request: dict[str, Any]) -> str:
    """Return the digest by which products are known as those of a request."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


class StageStore:
    """The folder ``stages/`` of a run: arrays and JSON by name, valid for one request only.

    Parameters
    ----------
    directory : Path
        Output folder of the run; made if missing.
    request : dict
        All that the products depend on: input hash, config, seed, version.
    resume : bool
        Keep products of the same request. Those of another request are an error; without
        ``resume`` everything an earlier run wrote is removed.
    """

    def __init__(self, directory: Path, request: dict[str, Any], *, resume: bool) -> None:
        self.directory = directory
        self.folder = directory / "stages"
        self.key = key_of(request)
        self._checked: dict[str, Any] = {}
        marker = self.folder / "request.json"
        if resume and self.folder.is_symlink() and marker.exists():
            warn_user(f"{self.folder} is a link to another folder; it is taken away and the stages are computed again")
            self.folder.unlink()
        elif resume and marker.exists():
            self._check(marker)
        else:
            self._clear()
        make_folder(self.folder)
        write_json(marker, {"layout": LAYOUT, "key": self.key, "request": request})

    def _check(self, marker: Path) -> None:
        """Refuse the stages of another run; a damaged marker says nothing, but each product has a key of its own."""
        try:
            noted = json.loads(marker.read_text("utf-8"))
            layout, key = noted.get("layout", 1), noted["key"]
        except (OSError, ValueError, KeyError, AttributeError, RecursionError) as error:
            warn_user(
                f"{marker} is damaged ({as_line(error, length=100)}); it is written again and each stage is checked"
            )
            return
        if layout != LAYOUT:
            raise InputError(
                f"{self.directory} holds the stages of another version of bumphunt; give --overwrite instead of "
                "--resume to start anew, or choose another --output"
            )
        if key != self.key:
            raise InputError(
                f"{self.directory} holds the stages of another run (other events, config, seed or version); "
                "give --overwrite instead of --resume to start anew, or choose another --output"
            )

    def _clear(self) -> None:
        found = refuse_foreign(self.directory)
        for path in found:
            remove(path)

    def has(self, name: str) -> bool:
        """Tell whether a product is there and whole; a damaged one is named in a warning and removed."""
        path = self.folder / name
        if not path.is_symlink() and not path.exists():
            return False
        try:
            self._checked[name] = self._read(path)
        except Exception as error:  # what a damaged archive makes its reader raise has no end
            warn_user(
                f"{path} is damaged or belongs to another run ({as_line(error, length=100)}); it is computed again"
            )
            remove(path)
            return False
        return True

    def _read(self, path: Path) -> Any:
        if path.is_symlink() or not path.is_file():
            raise ValueError("it is a link or no file")
        read = _read_arrays if path.suffix == ".npz" else _read_json
        key, digest, data = read(path)
        if key != self.key:
            raise ValueError("other request")
        if digest != (_digest_of_arrays(data) if path.suffix == ".npz" else _digest(data)):
            raise ValueError("checksum differs")
        return data

    def save_json(self, name: str, data: Any) -> None:
        """Keep plain data under ``name``."""
        write_json(self.folder / name, {"request": self.key, "sha256": _digest(data), "data": data})

    def load_json(self, name: str) -> Any:
        """Return the data kept under ``name``."""
        return self._load(name)

    def save_arrays(self, name: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Keep arrays under ``name``."""
        marks = {_REQUEST: np.array(self.key), _DIGEST: np.array(_digest_of_arrays(arrays))}
        write_atomically(self.folder / name, lambda part: save_arrays(part, {**arrays, **marks}))

    def load_arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays kept under ``name``."""
        arrays: dict[str, npt.NDArray[Any]] = self._load(name)
        return arrays

    def map_arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that this process has just kept or checked under ``name``, without reading them."""
        arrays = mapped_arrays(self.folder / name)
        return {key: values for key, values in arrays.items() if key not in (_DIGEST, _REQUEST)}

    def _load(self, name: str) -> Any:
        # what was read to be checked is handed out once; the file may be another one by now
        if name not in self._checked and not self.has(name):
            raise InputError(f"{self.folder / name} is missing or damaged; repeat the command")
        return self._checked.pop(name)

    def keep(self, name: str, make: Callable[[], dict[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays kept under ``name``, making and keeping them first if there are none."""
        if not self.has(f"{name}.npz"):
            self.save_arrays(f"{name}.npz", make())
        return self.load_arrays(f"{name}.npz")


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _digest_of_arrays(arrays: dict[str, npt.NDArray[Any]]) -> str:
    found = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        found.update(values.tobytes())
    return found.hexdigest()


def _read_json(path: Path) -> tuple[str, str, Any]:
    stored = json.loads(path.read_bytes())
    return stored["request"], stored["sha256"], stored["data"]


def _read_arrays(path: Path) -> tuple[str, str, dict[str, npt.NDArray[Any]]]:
    # read at once, so that what is checked is what is used
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        arrays = dict(archive)
    return str(arrays.pop(_REQUEST)), str(arrays.pop(_DIGEST)), arrays


class FolderKeeper:
    """Keeps the stages of a run in its output folder, which is touched only when the first of them is asked for.

    Parameters
    ----------
    directory, request, resume
        As for :class:`StageStore`.
    """

    def __init__(self, directory: Path, request: dict[str, Any], *, resume: bool) -> None:
        self.directory = directory
        self.request = request
        self.resume = resume

    @cached_property
    def store(self) -> StageStore:
        """The folder, opened."""
        return StageStore(self.directory, self.request, resume=self.resume)

    def window(self, number: int) -> WindowOutcome | None:
        """Return what a window gave before, if it is kept."""
        name = f"window_{number:03d}"
        if not (self.store.has(f"{name}.json") and self.store.has(f"{name}.npz")):
            return None
        self.store.load_arrays(f"{name}.npz")  # what was read to be checked is let go of
        return WindowOutcome.from_stored(self.store.map_arrays(f"{name}.npz"), self.store.load_json(f"{name}.json"))

    def keep_window(self, number: int, outcome: WindowOutcome) -> WindowOutcome:
        """Keep what a window gave, and return it with its arrays left in the file."""
        name = f"window_{number:03d}"
        # the arrays first: the JSON says that the window is complete
        self.store.save_arrays(f"{name}.npz", outcome.arrays())
        self.store.save_json(f"{name}.json", [found.to_dict() for found in outcome.results])
        arrays = self.store.map_arrays(f"{name}.npz")
        return replace(outcome, score=arrays["score"], folds=arrays["folds"], frequency=arrays["frequency"])

    def keep(self, name: str, make: Callable[[], dict[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays kept under ``name``, making and keeping them first if there are none."""
        return self.store.keep(name, make)

    def kept(self, name: str) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays kept under ``name``, if they are whole."""
        return self.store.load_arrays(f"{name}.npz") if self.store.has(f"{name}.npz") else None


class RunKeeper(FolderKeeper):
    """Keeps the stages of a run that leaves a finished result in its output folder alone until it has another.

    Parameters
    ----------
    output : Path
        Output folder, locked by the caller.
    request, resume
        As for :class:`StageStore`; without ``resume``, what is there is replaced.
    """

    def __init__(self, output: Path, request: dict[str, Any], *, resume: bool) -> None:
        super().__init__(output, request, resume=resume)
        self.output = output

    @cached_property
    def place(self) -> Path:
        """Where all files of the run are written: the output folder, or a folder in it."""
        if self.resume:
            pending, own = pending_replacement(self.output), key_of(self.request)
            if pending is None or _noted_key(self.output) == own != _noted_key(pending):
                return self.output
            return pending
        refuse_foreign(self.output)
        discard_replacement(self.output)
        return begin_replacement(self.output) if (self.output / "result.json").exists() else self.output

    @cached_property
    def store(self) -> StageStore:
        """The stages, opened."""
        return StageStore(self.place, self.request, resume=self.resume)

    def begin_writing(self) -> Path:
        """Return the folder for the result."""
        bring_limits(self.output, self.place)
        return self.place

    def finish(self) -> None:
        """Put the result where it belongs, once all of it is written."""
        if self.place != self.output:
            finish_replacement(self.output)


def _noted_key(directory: Path) -> str | None:
    """Return the key in the marker of stages, if it can be read."""
    try:
        return str(json.loads((directory / "stages" / "request.json").read_text("utf-8"))["key"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
