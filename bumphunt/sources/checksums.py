"""Checksums that are not known beforehand: taken from a record's listing, and kept beside the file."""

import contextlib
import logging
import re
from pathlib import Path

from bumphunt.errors import InputError
from bumphunt.files import write_text
from bumphunt.sources.download import get_json

logger = logging.getLogger(__name__)

_MD5 = re.compile(r"[0-9a-f]{32}")


def kept(path: Path) -> str | None:
    """Return the md5 kept in ``<path>.md5``, or None if there is none that can be read."""
    with contextlib.suppress(FileNotFoundError):
        words = _beside(path).read_text("utf-8", errors="replace").split()
        if words and _MD5.fullmatch(words[0]):
            return words[0]
    return None


def forget(path: Path) -> None:
    """Remove what is kept, so that the listing is asked again."""
    _beside(path).unlink(missing_ok=True)


def published(path: Path, record: str) -> tuple[int | None, str]:
    """Return size and md5 of a file, from what is kept, or else from the listing of its record.

    Parameters
    ----------
    path : Path
        Where the file is or will be; its name is that in the record. The md5 is kept beside it in the
        format of ``md5sum``.
    record : str
        The record's files on Zenodo, ``https://zenodo.org/records/<id>/files/``.

    Returns
    -------
    size, md5
        The size in bytes is None where only the kept md5 was looked at.

    Raises
    ------
    InputError
        If the listing cannot be read, or has no such file, or no md5 of it.
    """
    md5 = kept(path)
    if md5 is not None:
        return None, md5
    size, md5 = _listed(path.name, record)
    write_text(_beside(path), f"{md5}  {path.name}\n")
    return size, md5


def _listed(file: str, record: str) -> tuple[int | None, str]:
    # Zenodo's REST API, GET /api/records/<id>: {"files": [{"key": name, "checksum": "md5:...", "size": bytes, ...}]}
    url = record.rstrip("/").removesuffix("/files").replace("/records/", "/api/records/")
    listing = get_json(url)
    files = listing.get("files") if isinstance(listing, dict) else None
    entries = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    found = [item for item in entries if item.get("key") == file]
    if not found:
        shown = ", ".join(str(item.get("key")) for item in entries[:8]) or "no files"
        raise InputError(
            f"{url}: the record does not list {file}, but {shown}; it may have been replaced by a newer one"
        )
    size, checksum = found[0].get("size"), str(found[0].get("checksum"))
    md5 = checksum.removeprefix("md5:").lower()
    if not _MD5.fullmatch(md5):
        raise InputError(f"{url}: lists {file} with checksum {checksum[:60]!r}, which is no md5; it cannot be verified")
    return (size if isinstance(size, int) else None), md5


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.md5")
