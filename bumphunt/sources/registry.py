"""Public samples: where they are, how large, and the checksum that a download must have."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumphunt.errors import InputError
from bumphunt.sources.recognition import one_line

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "BUMPHUNT_CACHE"
"""Environment variable that names the folder for downloads."""
_RND = "https://zenodo.org/records/6466204/files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFile:
    """A file of a public record; ``md5`` as published there."""

    name: str
    file: str
    record: str
    size: int
    md5: str
    licence: str
    what: str


PUBLIC_FILES: dict[str, PublicFile] = {
    entry.name: entry
    for entry in (
        PublicFile(
            name="lhco-rnd-features",
            file="events_anomalydetection_v2.features.h5",
            record=_RND,
            size=74_315_238,
            md5="271cf5e71fc756b2a8d2b32730689bdb",
            licence="CC-BY-4.0",
            what="LHC Olympics R&D set, jet features: 1 M QCD dijets, 100 k two-prong signal",
        ),
        PublicFile(
            name="lhco-rnd-3prong-features",
            file="events_anomalydetection_Z_XY_qqq.features.h5",
            record=_RND,
            size=5_176_081,
            md5="1e729f7dff225451182c28afaa4bb411",
            licence="CC-BY-4.0",
            what="LHC Olympics R&D set, jet features: 100 k three-prong signal",
        ),
        PublicFile(
            name="lhco-rnd-raw",
            file="events_anomalydetection_v2.h5",
            record=_RND,
            size=2_908_260_409,
            md5="629789d55813be3860781b084ae7f1de",
            licence="CC-BY-4.0",
            what="LHC Olympics R&D set, particles: 1 M QCD dijets, 100 k two-prong signal",
        ),
        PublicFile(
            name="lhco-rnd-3prong-raw",
            file="events_anomalydetection_Z_XY_qqq.h5",
            record=_RND,
            size=235_488_994,
            md5="54e123a86143b668f9cb76905152a124",
            licence="CC-BY-4.0",
            what="LHC Olympics R&D set, particles: 100 k three-prong signal",
        ),
    )
}
"""By name; the record is doi:10.5281/zenodo.6466204."""


def cache_folder(cache: str | Path | None = None) -> Path:
    """Return the folder for downloads: the argument, else ``BUMPHUNT_CACHE``, else the user's cache."""
    if cache is not None:
        return Path(cache)
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    import pooch

    return Path(pooch.os_cache("bumphunt"))


def fetch(name: str, *, cache: str | Path | None = None, base_url: str | None = None, progress: bool = False) -> Path:
    """Download a public sample unless it is in the cache, verify its checksum, and return its path.

    Parameters
    ----------
    name : str
        A key of :data:`PUBLIC_FILES`, or the file's own name.
    cache : path, optional
        Folder for downloads, see :func:`cache_folder`.
    base_url : str, optional
        A mirror; the file's name is appended to it.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        If the name is unknown, the server does not answer, or the checksum differs.
    """
    by_file = {entry.file: entry for entry in PUBLIC_FILES.values()}
    entry = PUBLIC_FILES.get(name) or by_file.get(name)
    if entry is None:
        raise InputError(f"no public sample is called {name!r}; known are {', '.join(PUBLIC_FILES)}")
    import pooch
    import requests

    folder = cache_folder(cache)
    url = f"{(base_url or entry.record).rstrip('/')}/{entry.file}"
    quiet = pooch.get_logger()
    level = quiet.level
    quiet.setLevel("WARNING")
    try:
        with _Bar(entry.file, shown=progress) as bar:
            downloader = pooch.HTTPDownloader(progressbar=bar, timeout=60)
            path = pooch.retrieve(url, f"md5:{entry.md5}", fname=entry.file, path=folder, downloader=downloader)
    except ValueError as error:
        raise InputError(
            f"{url}: the download is not the published file (md5 differs from {entry.md5}); try again"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise InputError(
            f"{url}: cannot be downloaded to {folder} ({one_line(error)}); "
            f"check network and folder, or set {CACHE_VARIABLE}"
        ) from error
    finally:
        quiet.setLevel(level)
    return Path(path)


class _Bar:
    """The progress bar that pooch drives: it sets ``total`` and calls ``update``, ``reset``, ``close``."""

    def __init__(self, text: str, *, shown: bool) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn(text), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, disable=not shown, transient=True)
        self._task = self._progress.add_task(text, total=None)
        self.total = 0

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def update(self, amount: int) -> None:
        self._progress.update(self._task, advance=amount, total=self.total or None)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Do nothing: the bar closes with the context."""
