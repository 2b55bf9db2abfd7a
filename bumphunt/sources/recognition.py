"""What a file is, found out from its content and never from its name."""

import logging
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from bumphunt.errors import InputError

logger = logging.getLogger(__name__)

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PARQUET = b"PAR1"
_ROOT = b"root"


class Kind(StrEnum):
    """The layouts that can be read."""

    PARQUET = "parquet"
    CSV = "csv"
    HDF5_EVENTS = "hdf5-events"
    LHCO_FEATURES = "lhco-features"
    LHCO_RAW = "lhco-raw"
    ROOT = "root"


def identify(path: str | Path) -> Kind:
    """Return the layout of a file.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    InputError
        If the file does not exist, is a folder, is empty, cannot be opened, is truncated, or is of
        no known kind.
    """
    path = existing_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}); check its permissions") from error
    if head.startswith(_PARQUET):
        return Kind.PARQUET
    if head.startswith(_ROOT):
        return Kind.ROOT
    if head.startswith(_HDF5):
        from bumphunt.sources.hdf5 import identify_hdf5

        return identify_hdf5(path)
    if _looks_like_csv(head):
        return Kind.CSV
    raise InputError(
        f"{path}: neither parquet, csv, HDF5 nor ROOT by its content; "
        "convert it to one of these (compressed files must be unpacked first)"
    )


def existing_file(path: str | Path) -> Path:
    """Return the path, after making sure that it is a file with something in it."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise InputError(f"{path}: is not a file; give the path of one events file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; make or download it again")
    return path


def one_line(error: BaseException) -> str:
    """Return the first line of a library's message, for use inside one of ours."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


def _looks_like_csv(head: bytes) -> bool:
    text = ""
    # The head may end inside a character of several bytes.
    with suppress(UnicodeDecodeError):
        text = head.decode("utf-8-sig")
    for cut in (1, 2, 3):
        if text:
            break
        with suppress(UnicodeDecodeError):
            text = head[:-cut].decode("utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not all(character.isprintable() or character == "\t" for character in lines[0]):
        return False
    return "mjj" in lines[0] or lines[0].count(",") >= 1
