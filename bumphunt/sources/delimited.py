"""Tables as text: separated by comma, semicolon, tab, bar or blanks, found out from the first lines."""

import gzip
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bumphunt.errors import InputError
from bumphunt.sources.layouts import SIMULATION, Location, Reading, existing_file, one_line

_HEAD = 1 << 16
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", r"\s+": "blanks"}
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|nan|inf", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """How a text is to be read; ``commented`` where names stand in a comment, as numpy writes them.

    ``trailing`` is whether rows, but not the names, end in a separator.
    """

    separator: str
    decimal: str
    header: tuple[str, ...]
    commented: bool
    trailing: bool


_DAMAGE = (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError, OverflowError)
_DAMAGED_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)


def matches(location: Location) -> bool:
    """Return whether the file is text that could be a table."""
    lines, _ = _first_lines(location.path)
    if not lines or not all(character.isprintable() or character == "\t" for character in lines[0]):
        return False
    if lines[0].lstrip().startswith(("{", "[")):  # JSON
        return False
    if "mjj" in lines[0] or any(separator in lines[0] for separator in ",;\t|"):
        return True
    rows = [line.split() for line in lines[:3]]
    return len(rows) > 1 and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows) and _numeric(rows[-1])


def read(location: Location) -> Reading:
    """Return the table, and how it was written where that is not the usual way."""
    path = existing_file(location.path)
    if location.member is not None:
        raise InputError(f"{location}: text holds one table only; leave out ':{location.member}'")
    style = _style(path)
    twice = [name for index, name in enumerate(style.header) if name in style.header[:index]]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} appears twice; remove or rename one of the two")
    try:
        table = pd.read_csv(
            path,
            compression="gzip" if _is_gzip(path) else None,
            sep=style.separator,
            decimal=style.decimal,
            comment="#",
            encoding="utf-8-sig",
            skipinitialspace=True,
            header=None if style.commented else 0,
            names=list(style.header) if style.commented else None,
            # or pandas takes the first column for an index, and every other for its neighbour
            index_col=False if style.trailing else None,
        )
    except UnicodeDecodeError as error:
        where = f"byte {error.object[error.start]:#x} cannot be read"
        raise InputError(f"{path}: is text in another encoding than UTF-8 ({where}); save it in UTF-8") from error
    except (*_DAMAGE, *_DAMAGED_GZIP) as error:
        written = _NAMES[style.separator]
        raise InputError(
            f"{path}: damaged csv ({one_line(error)}); write it again, with columns separated by {written}"
        ) from error
    table.columns = table.columns.map(lambda name: str(name).strip())
    notes = []
    if style.decimal == ",":
        notes.append(f"columns are separated by {_NAMES[style.separator]}, and numbers have decimal commas")
    elif style.separator != ",":
        notes.append(f"columns are separated by {_NAMES[style.separator]}")
    _, comments = _first_lines(path)
    simulated = any(comment.startswith(f"# {SIMULATION}: ") for comment in comments)
    return Reading(table=table, notes=tuple(notes), simulated=simulated)


def _style(path: Path) -> _Style:
    lines, comments = _first_lines(path)
    if not lines:
        raise InputError(f"{path}: damaged csv (no lines but comments); write it again with a header line")
    first = lines[0]
    separator = next((sign for sign in (";", "\t", "|", ",") if sign in first), r"\s+")
    header = _cells(first, separator)
    commented = False
    if _numeric(header):
        names = _cells(comments[-1].lstrip("# "), separator) if comments else []
        if len(names) != len(header) or _numeric(names):
            raise InputError(f"{path}: the first line ({first[:60]!r}) holds no names of columns; add a header line")
        header, commented = names, True
    cells = [cell for line in lines[0 if commented else 1 : 20] for cell in _cells(line, separator)]
    comma = separator != "," and any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    if comma and any(re.fullmatch(r"[-+]?\d+\.\d+", cell) for cell in cells):
        raise InputError(f"{path}: numbers are written with decimal commas and with decimal points; use one of the two")
    rows = [_cells(line, separator) for line in lines[0 if commented else 1 : 20]]
    trailing = bool(rows) and all(len(row) == len(header) + 1 and not row[-1] for row in rows)
    return _Style(
        separator=separator,
        decimal="," if comma else ".",
        header=tuple(header),
        commented=commented,
        trailing=trailing,
    )


def _cells(line: str, separator: str) -> list[str]:
    cells = line.split() if separator == r"\s+" else line.split(separator)
    return [cell.strip().strip('"') for cell in cells]


def _numeric(cells: list[str]) -> bool:
    return all(_NUMBER.fullmatch(cell.replace(",", ".")) for cell in cells)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _first_lines(path: Path) -> tuple[list[str], list[str]]:
    """Return the first lines with content, and the comments before them; nothing where it is no text."""
    try:
        with gzip.open(path) if _is_gzip(path) else path.open("rb") as file:
            head = file.read(_HEAD)
    except _DAMAGED_GZIP as error:
        raise InputError(f"{path}: damaged gzip ({one_line(error)}); make or download it again") from error
    text = ""
    for cut in range(4):  # the head may end inside a character of several bytes
        with suppress(UnicodeDecodeError):
            text = head[: len(head) - cut].decode("utf-8-sig")
            break
    lines = [line for line in text.splitlines() if line.strip()]
    if len(head) == _HEAD and len(lines) > 1:
        lines = lines[:-1]  # perhaps cut in the middle
    kept = [line for line in lines if not line.startswith("#")]
    comments = lines[: lines.index(kept[0])] if kept else lines
    return kept, comments
