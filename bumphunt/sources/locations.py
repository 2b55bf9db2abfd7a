"""Which files are meant: one path, several, a pattern, a folder, or a tree of a ROOT file."""

import glob
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import REQUIRED
from bumphunt.sources.layouts import Location, existing_file

Sources = str | Path | Sequence[str | Path]
"""A path, a pattern such as ``data/*.parquet``, a folder, ``file.root:tree``, or several of these."""

SUFFIXES = (".parquet", ".pq", ".csv", ".tsv", ".txt", ".dat", ".h5", ".hdf5", ".hdf", ".root")
"""Names of the files that are taken from a folder."""


def locate(sources: Sources, *, required: tuple[str, ...] = REQUIRED) -> tuple[tuple[Location, ...], tuple[str, ...]]:
    """Return the files that are meant, sorted by name, and what there is to say about the choice.

    Parameters
    ----------
    sources : path, pattern, folder, or several of these
        The order in which they are given means nothing; a file that is given twice is read once.
    required : tuple of str
        The columns by which trees are told apart.

    Raises
    ------
    InputError
        If a file does not exist, nothing fits a pattern, or a folder holds no events files.
    """
    given = paths_given(sources)
    if not given:
        raise InputError("no events files are given; give at least one path")
    found: dict[tuple[Path, str | None], Location] = {}
    notes: list[str] = []
    for source in given:
        for path, member in _expanded(source, notes):
            key = (path.resolve(), member)
            if key in found:
                notes.append(f"{path} is given twice and read once")
            found.setdefault(key, Location(path=path, member=member, required=required))
    return tuple(sorted(found.values(), key=_order)), tuple(dict.fromkeys(notes))


def paths_given(sources: Any) -> list[str | Path]:
    """Return one path or several as a list; what else may come from Python is refused."""
    several = isinstance(sources, Sequence) and not isinstance(sources, str)
    given = list(sources) if several else [sources]
    for item in given:
        if isinstance(item, pd.DataFrame):
            remedy = "one, joined by pandas.concat(...)" if several else "a path here"
            raise InputError(
                f"events: {'several DataFrames are' if several else 'a DataFrame is'} given; give {remedy}"
            )
        if not isinstance(item, str | Path):
            kind = type(item).__name__
            raise InputError(f"events: {kind} is neither a DataFrame nor a path, nor several paths{_as_table(item)}")
    return given


def _as_table(item: Any) -> str:
    tables = ("dict", "ndarray", "Series", "recarray", "Array", "Table")
    return "; make a table of it: pandas.DataFrame(...)" if type(item).__name__ in tables else ""


def _order(location: Location) -> tuple[str, str, str]:
    return location.path.name, str(location.path), location.member or ""


def _expanded(source: str | Path, notes: list[str]) -> list[tuple[Path, str | None]]:
    text = str(source)
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return [(file, None) for file in _in_folder(path, notes)]
        if path.exists():
            return [(existing_file(path), None)]
        if any(sign in text for sign in "*?["):
            fitting = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 (absolute patterns)
            files = [file for file in fitting if file.is_file()]
            if files:
                return [(existing_file(file), None) for file in files]
            raise InputError(f"{text}: no file fits this pattern; check it")
        before, colon, member = text.rpartition(":")
        if colon and member and Path(before).expanduser().is_file():
            return [(existing_file(Path(before).expanduser()), member)]
    except (OSError, ValueError):  # a name too long, or with a null byte: said by the next line
        pass
    return [(existing_file(path), None)]


def _in_folder(folder: Path, notes: list[str]) -> list[Path]:
    if _is_of_a_run(folder):  # whose candidates.csv would be read as events
        raise InputError(
            f"{folder}: is the output of a run; give the events (`bumphunt scan` takes counts as JSON, too), or draw "
            f"its report again with `bumphunt report {folder}`"
        )
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
    wanted = [file for file in files if file.suffix.lower() in SUFFIXES]
    others = [file.name for file in files if file not in wanted]
    if not wanted:
        raise InputError(
            f"{folder}: the folder holds no events files ({', '.join(others[:5]) or 'it is empty'}); their names must "
            f"end in one of {', '.join(SUFFIXES)}"
        )
    if others:
        notes.append(f"{folder}: not read: {', '.join(others[:5])}{' and others' if len(others) > 5 else ''}")
    return wanted


def _is_of_a_run(folder: Path) -> bool:
    with suppress(OSError, UnicodeDecodeError), (folder / "result.json").open(encoding="utf-8") as stream:
        return '"schema_version"' in stream.read(200)
    return False
