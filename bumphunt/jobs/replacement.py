"""A finished result is replaced only by one that is complete.

A run that overwrites works in ``.replacement`` inside the output folder, on the same file system. When all of it is
written, ``complete.json`` says so, and its files take the place of the old ones. A process that ends before that mark
leaves the old result as it was; one that ends after it leaves a move that the next command in the folder completes.
Limits on signal models, which may stand beside a run, are replaced by themselves, in the same way.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bumphunt.errors import InputError
from bumphunt.files import clear, make_folder, reason, write_json

OUTPUTS = (
    "result.json",
    "products.json",
    "report.html",
    "workspace.json",
    "workspace_inclusive.json",
    "candidates.csv",
    "hs3.json",
    "calibration.json",
)
"""Files a run writes; a new run removes those of an old one."""

PRODUCED = (*OUTPUTS, "stages", "figures", "models", "hepdata")
"""All that a run and ``publish`` make in an output folder, ``result.json`` first; looks and the lock stay."""

LIMITS = ("limits.json", "limits.csv")
"""Files that limits on signal models are written to, and ..."""

LIMIT_FIGURES = ("model_limits*", "limit_plane_*")
"""... their figures, among those of a run."""

FOLDER = ".replacement"
"""Folder in the output folder where a result is made that is to replace another."""

LIMITS_FOLDER = ".replacement-limits"
"""The same for limits on signal models."""

_COMPLETE, _OLD = "complete.json", "old"


def begin_replacement(output: Path) -> Path:
    """Make the empty folder for a result that is to replace the one in ``output``."""
    discard_replacement(output)
    return make_folder(output / FOLDER)


def discard_replacement(output: Path) -> None:
    """Remove what an interrupted replacement left."""
    remove(output / FOLDER)


def pending_replacement(output: Path) -> Path | None:
    """Return the folder of an interrupted replacement, if there is one; a link in its place is not followed."""
    place = output / FOLDER
    if place.is_symlink():
        remove(place)
    return place if (place / "stages").exists() else None


def move_pending(output: Path) -> bool:
    """Tell whether a complete result waits to take the place of an old one."""
    return any((output / folder / _COMPLETE).is_file() for folder in _NAMES)


def finish_replacement(output: Path) -> None:
    """Put the result made in the folder of :func:`begin_replacement` in the place of the old one.

    Raises
    ------
    InputError
        If the operating system refuses; the next command in the folder then goes on with it.
    """
    _finish(output, FOLDER)


def complete_replacement(output: Path) -> None:
    """Complete the move of a result that was complete when its process ended, where there is one.

    The old ``result.json`` goes first and the new one comes last, so that nobody reads a mixture.
    """
    for folder, names in _NAMES.items():
        _complete(output, output / folder, names)


def _finish(output: Path, folder: str) -> None:
    place, names = output / folder, _NAMES[folder]
    write_json(place / _COMPLETE, {"names": [name for name in names(place) if (place / name).exists()]})
    _complete(output, place, names)


def _complete(output: Path, place: Path, names: "_Names") -> None:
    if place.is_symlink() or not (place / _COMPLETE).is_file():
        return
    try:
        new = json.loads((place / _COMPLETE).read_text("utf-8"))["names"]
        old = make_folder(place / _OLD)
        for name in names(output):
            # a new one that is not here any more has taken its place already
            if name not in new or (place / name).exists():
                _move(output / name, old / name)
        for name in reversed(names(place)):
            _move(place / name, output / name)
    except OSError as error:
        raise InputError(
            f"cannot move the new result from {place} to {output}: {reason(error)}; the next command there completes it"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{place / _COMPLETE} is damaged; move the new result out of {place} by hand") from error
    remove(old)
    remove(place)


def _run_names(_: Path) -> Sequence[str]:
    return PRODUCED


def limit_names(place: Path) -> Sequence[str]:
    """Return what limits on signal models have written into a folder, ``limits.json`` first."""
    figures = [path for pattern in LIMIT_FIGURES for path in sorted((place / "figures").glob(pattern))]
    return [*LIMITS, *(f"figures/{path.name}" for path in figures)]


_Names = Callable[[Path], Sequence[str]]
_NAMES: dict[str, _Names] = {FOLDER: _run_names, LIMITS_FOLDER: limit_names}


@contextmanager
def replacing_limits(output: Path) -> Iterator[Path]:
    """Give an empty folder to write limits into, which replace those in ``output`` at once if all goes well."""
    place = output / LIMITS_FOLDER
    remove(place)
    make_folder(place)
    try:
        yield place
    except BaseException:
        clear(place)
        raise
    _finish(output, LIMITS_FOLDER)


@contextmanager
def replacing(output: Path) -> Iterator[Path]:
    """Give an empty folder to write a result into, which replaces the one in ``output`` if all goes well."""
    place = begin_replacement(output)
    try:
        bring_limits(output, place)
        yield place
    except BaseException:
        clear(place)
        raise
    finish_replacement(output)


def bring_limits(output: Path, place: Path) -> None:
    """Copy the limits on signal models, with their figures, beside a result, which its report shows."""
    if place == output or not (output / LIMITS[0]).is_file():
        return
    for name in (LIMITS[0], *limit_names(output)[len(LIMITS) :]):
        try:
            (place / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(output / name, place / name)
        except OSError as error:
            raise InputError(f"cannot write {place / name}: {reason(error)}") from error


def remove(path: Path) -> None:
    """Remove a file, a folder with what is in it, or a link but not what it leads to."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot remove {path}: {reason(error)}; remove it, or choose another --output") from error


def _move(path: Path, target: Path) -> None:
    if path.is_symlink() or path.exists():
        target.parent.mkdir(exist_ok=True)
        os.replace(path, target)
