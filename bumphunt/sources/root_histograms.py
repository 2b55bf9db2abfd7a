"""Histograms in ROOT files: ``file.root``, or ``file.root:name`` where there are several."""

from pathlib import Path
from typing import Any

from bumphunt.errors import InputError, MissingExtraError
from bumphunt.sources.recognition import one_line

_MAGIC = b"root"


def split_root_path(path: str | Path) -> tuple[Path, str | None]:
    """Return the file and the name of the object in it, or None: ``file.root:name`` where such a file exists.

    Examples
    --------
    >>> split_root_path("no_such_file.root:mjj")
    (PosixPath('no_such_file.root:mjj'), None)
    """
    whole = Path(path)
    head, colon, name = str(path).partition(".root:")
    if colon and not whole.exists() and Path(f"{head}.root").is_file():
        return Path(f"{head}.root"), name
    return whole, None


def read_root_histogram(path: str | Path) -> Any | None:
    """Return the histogram in a ROOT file as uproot gives it, which follows UHI; None where the file holds a tree.

    Parameters
    ----------
    path : path
        ROOT file, with ``:name`` where it holds several histograms.

    Raises
    ------
    InputError
        If it holds no histogram of this name, or several and no name is given, or is damaged.
    MissingExtraError
        Without uproot.
    """
    file_path, name = split_root_path(path)
    try:
        with file_path.open("rb") as stream:
            if stream.read(4) != _MAGIC:
                return None
    except OSError:
        return None  # whoever reads it next says so
    try:
        import uproot
    except ImportError as error:
        raise MissingExtraError("uproot", "root", "reading ROOT files") from error
    try:
        with uproot.open(file_path) as file:
            kinds = {key.partition(";")[0]: str(kind) for key, kind in file.classnames().items()}
            found = [key for key, kind in kinds.items() if kind.startswith(("TH1", "TH2", "TH3", "TProfile"))]
            if name is None and (not found or any("TTree" in kind or "RNTuple" in kind for kind in kinds.values())):
                return None
            if name is None and len(found) > 1:
                raise InputError(f"{path}: {len(found)} histograms ({', '.join(found[:5])}); give {path}:{found[0]}")
            wanted = found[0] if name is None else name.partition(";")[0]
            if wanted not in kinds:
                raise InputError(
                    f"{file_path}: holds nothing called {wanted[:80]!r}; there is {', '.join(kinds) or 'nothing'}"
                )
            return file[wanted] if wanted in found else None
    except InputError:
        raise
    except Exception as error:  # uproot raises many kinds on damaged files
        raise InputError(f"{path}: damaged or truncated ROOT file ({one_line(error)}); make it again") from error
