"""Files written whole or not at all, and their checksums.

Every file of the package is written under a temporary name beside its place and renamed over it, so that a reader
never meets half a file, and what was there before is intact when the disk is full.
"""

import hashlib
import io
import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bumphunt.errors import InputError

logger = logging.getLogger(__name__)

PART_SUFFIX = ".part"
"""In the name of every temporary file, so that one left by a killed process is known for what it is."""
ADDRESS = re.compile(r"(https?|ftp|roots?|xroots?|s3|gs|hdfs|davs?|doi):/", re.IGNORECASE)
"""How an address on a network begins; a :class:`pathlib.Path` of one has lost its second stroke."""


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Call ``write`` with a temporary path beside ``path`` and rename the result over it.

    Parameters
    ----------
    path : path
        The file to make; its folder must exist. The temporary one has the same suffix.
    write : callable
        Writes the file at the path it is given.

    Returns
    -------
    pathlib.Path
        The file made.

    Raises
    ------
    InputError
        If the operating system refuses: a full disk, a folder that cannot be written to, a name too long.
    """
    path = Path(path)
    try:
        _check_folder_of(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {reason(error)}") from error
    part = path.with_name(f".{path.stem[:60]}.{secrets.token_hex(6)}{PART_SUFFIX}{path.suffix}")
    try:
        # made by us and nobody else: a link planted under this name is refused, not followed
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        write(part)
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {reason(error)}; what was there before is untouched") from error
    finally:
        _remove(part)
    return path


def replace_folder(folder: str | Path, fill: Callable[[Path], object]) -> Path:
    """Call ``fill`` with an empty temporary folder beside ``folder`` and rename the result over it.

    Parameters
    ----------
    folder : path
        The folder to make; the one above it must exist. What it held before is removed once the new one is whole.
    fill : callable
        Writes files into the folder it is given.

    Raises
    ------
    InputError
        If the operating system refuses.
    """
    folder, mark = Path(folder), secrets.token_hex(6)
    part, old = (folder.with_name(f".{folder.name}.{mark}{end}{PART_SUFFIX}") for end in ("", ".old"))
    try:
        part.mkdir()  # outside of what follows: a folder or link that is there already is not ours to remove
    except OSError as error:
        raise InputError(f"cannot write {folder}: {reason(error)}; what was there before is untouched") from error
    try:
        fill(part)
        if folder.is_symlink() or folder.exists():
            os.replace(folder, old)
        try:
            os.replace(part, folder)
        except OSError:
            if old.is_symlink() or old.exists():
                os.replace(old, folder)
            raise
    except OSError as error:
        raise InputError(f"cannot write {folder}: {reason(error)}; what was there before is untouched") from error
    finally:
        clear(part)
        if old.is_symlink():
            _remove(old)
        clear(old)
    return folder


def clear(folder: Path) -> None:
    """Remove a temporary folder of ours, if it is there; what cannot be removed is named in a warning.

    For the end of work that has succeeded, or has failed for a reason of its own that must not be hidden by this one.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("%s: cannot be removed (%s) and takes room; remove it by hand", folder, reason(error))


class _KeepingStream(io.FileIO):
    """A file that keeps its first error for later and then takes whatever is written without writing it."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        done, view = 0, memoryview(data).cast("B")
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:]) or 0
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0


@contextmanager
def stream_for_hdf5(path: Path) -> Iterator[io.FileIO]:
    """Give a stream to write HDF5 to; what goes wrong is raised at the end.

    The HDF5 library cannot close a file on a full disk: it prints its account of every object and may crash.
    """
    stream = _KeepingStream(path, "w+b")
    try:
        yield stream
    except Exception:
        if stream.error is None:
            raise  # else HDF5 missed what could not be written
    finally:
        stream.close()
    if stream.error is not None:
        raise stream.error


def _remove(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        # a folder that cannot be written to, or a name too long, held no temporary file in the first place
        return


def reason(error: OSError) -> str:
    """Return what the operating system said, in a few words and without the path."""
    if error.errno is None and "requested and" in str(error):  # numpy, of a full disk
        return "no space left for the whole of it"
    return (error.strerror or str(error) or type(error).__name__).lower()


def write_text(path: str | Path, text: str) -> Path:
    """Write text as UTF-8, whole or not at all."""
    return write_atomically(path, lambda part: part.write_text(text, "utf-8"))


def write_json(path: str | Path, data: Any) -> Path:
    """Write plain data as JSON, whole or not at all."""
    return write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_output_file(path: str | Path) -> Path:
    """Return the path of a file to be written, after making sure that it can be: before the work, not after.

    Raises
    ------
    InputError
        If its folder is missing or refuses a file, it is a folder itself, or its name is too long.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the name of a file")
        _check_folder_of(path)
        _probe(path.parent)
        with suppress(FileNotFoundError):
            path.lstat()  # a name too long
    except OSError as error:
        raise InputError(f"cannot write {path}: {reason(error)}; choose another place") from error
    return path


def check_output_folder(folder: str | Path) -> Path:
    """Return the path of a folder to be filled, after making sure that it can be; nothing is left behind.

    Raises
    ------
    InputError
        If it is a file, cannot be made, or refuses files.
    """
    folder = Path(folder)
    made = []
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; give a folder for the output")
        for each in (*reversed(folder.parents), folder):
            if not each.exists():
                each.mkdir()
                made.append(each)
        _probe(folder)
    except OSError as error:
        raise InputError(f"cannot write into the folder {folder}: {reason(error)}; choose another one") from error
    finally:
        for each in reversed(made):
            with suppress(OSError):  # another process has begun to fill it
                each.rmdir()
    return folder


def _check_folder_of(path: Path) -> None:
    if not path.parent.is_dir():
        what = "is not a folder" if path.parent.exists() else "does not exist; make it first"
        raise InputError(f"{path}: the folder {path.parent} {what}")


def _probe(folder: Path) -> None:
    """Write a few bytes into a folder and take them away again."""
    part = folder / f".probe.{secrets.token_hex(6)}{PART_SUFFIX}"
    try:
        with part.open("xb") as stream:
            stream.write(b"0" * 4096)
    finally:
        _remove(part)


def make_folder(folder: str | Path) -> Path:
    """Make a folder, with those above it, unless it is there.

    Raises
    ------
    InputError
        If it cannot be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {reason(error)}; choose another one") from error
    return folder


def refuse_address(path: str | Path) -> None:
    """Raise :class:`InputError` if a path is an address on a network, which no file is read from or written to."""
    if ADDRESS.match(str(path)):
        raise InputError(
            f"{path} is an address, and files are read from and written to disk only; give a path there (download "
            "events first: the public samples with `bumphunt fetch NAME`)"
        )
