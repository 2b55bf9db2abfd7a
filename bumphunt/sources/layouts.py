"""What the readers share: the names of the layouts, what a file is asked for, and what it gives."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import REQUIRED
from bumphunt.files import refuse_address

SIMULATION = "simulation"
"""Key under which simulated files say how they were made."""


class Kind(StrEnum):
    """The layouts that can be read; others may be registered under a name of their own."""

    PARQUET = "parquet"
    CSV = "csv"
    HDF5_EVENTS = "hdf5-events"
    LHCO_FEATURES = "lhco-features"
    LHCO_RAW = "lhco-raw"
    ASPEN_JETS = "aspen-open-jets"
    ROOT = "root"
    NANOAOD = "cms-nanoaod"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A file, and what in it: ``member`` is a tree of a ROOT file or a group of an HDF5 file."""

    path: Path
    member: str | None = None
    required: tuple[str, ...] = REQUIRED

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}:{self.member}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What a reader found: a table, what there is to say, and how many events it had to leave out.

    Where rows are jets (``bumphunt.jobs.pairing.PAIRED``), they are not yet events. ``simulated`` is whether the file
    says that it was simulated, as those of ``bumphunt simulate`` do.
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()
    dropped: int = 0
    simulated: bool = False


def existing_file(path: str | Path, *, what: str = "the path of one events file") -> Path:
    """Return the path, after making sure that it is a file with something in it; ``what`` is to be given."""
    refuse_address(path)
    path = Path(path)
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file; check the path")
        if not path.is_file():
            raise InputError(f"{path}: is not a file; give {what}")
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty; make or download it again")
    except (OSError, ValueError) as error:  # a name too long, or with a null byte
        raise InputError(f"{path}: cannot be opened ({one_line(error)}); check the path") from error
    return path


def one_line(error: BaseException) -> str:
    """Return the first line of a library's message, for use inside one of ours."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
