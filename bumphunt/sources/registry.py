"""Public samples: where they are, and the checksum that a download must have."""

import contextlib
import difflib
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumphunt.errors import InputError
from bumphunt.files import reason

logger = logging.getLogger(__name__)

CACHE_VARIABLE = "BUMPHUNT_CACHE"
"""Environment variable that names the folder for downloads."""
_RND = "https://zenodo.org/records/6466204/files/"
_BOXES = "https://zenodo.org/records/4536624/files/"
_EXTRA = "https://zenodo.org/records/8370758/files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicFile:
    """A file of a public record.

    ``size`` in bytes and ``md5`` are as published; None where the record's listing is asked for them at
    the first download. ``sha256`` is checked in its place where it is known: Zenodo publishes md5 alone, which guards
    against damage and not against malice.
    """

    name: str
    file: str
    record: str
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    licence: str = "as the record states"
    what: str


def _rnd(name: str, file: str, size: int, md5: str, what: str) -> PublicFile:
    what = f"LHC Olympics R&D set, {what}"
    return PublicFile(name=name, file=file, record=_RND, size=size, md5=md5, licence="CC-BY-4.0", what=what)


def _box(name: str, file: str, what: str) -> PublicFile:
    return PublicFile(name=name, file=f"events_LHCO2020_{file}", record=_BOXES, what=f"LHC Olympics 2020, {what}")


_FILES = (
    _rnd(
        "lhco-rnd-features",
        "events_anomalydetection_v2.features.h5",
        74_315_238,
        "271cf5e71fc756b2a8d2b32730689bdb",
        "jet features: 1 M QCD dijets, 100 k two-prong signal",
    ),
    _rnd(
        "lhco-rnd-3prong-features",
        "events_anomalydetection_Z_XY_qqq.features.h5",
        5_176_081,
        "1e729f7dff225451182c28afaa4bb411",
        "jet features: 100 k three-prong signal",
    ),
    _rnd(
        "lhco-rnd-raw",
        "events_anomalydetection_v2.h5",
        2_908_260_409,
        "629789d55813be3860781b084ae7f1de",
        "particles: 1 M QCD dijets, 100 k two-prong signal",
    ),
    _rnd(
        "lhco-rnd-3prong-raw",
        "events_anomalydetection_Z_XY_qqq.h5",
        235_488_994,
        "54e123a86143b668f9cb76905152a124",
        "particles: 100 k three-prong signal",
    ),
    _box("lhco-box1-raw", "BlackBox1.h5", "black box 1, particles: 1 M events"),
    _box("lhco-box2-raw", "BlackBox2.h5", "black box 2, particles: 1 M events"),
    _box("lhco-box3-raw", "BlackBox3.h5", "black box 3, particles: 1 M events"),
    # truth: a line per event, 0 background, 1 (and 2 in box 3) signal; box 2 has none
    _box("lhco-box1-masterkey", "BlackBox1.masterkey", "truth of black box 1, to be opened last"),
    _box("lhco-box3-masterkey", "BlackBox3.masterkey", "truth of black box 3, to be opened last"),
    _box("lhco-background-raw", "backgroundMC_Pythia.h5", "particles: 1 M simulated QCD dijets"),
    PublicFile(
        name="lhco-extra-background-features",
        file="events_anomalydetection_qcd_extra_inneronly_features.h5",
        record=_EXTRA,
        what="more QCD dijets for the LHC Olympics R&D set in its signal region, jet features",
    ),
)
PUBLIC_FILES: dict[str, PublicFile] = {entry.name: entry for entry in _FILES}
"""By name; the records are doi:10.5281/zenodo.6466204, .4536624 and .8370758."""


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

    An interrupted download stays in the cache as ``<file>.part`` and is continued by the next call. Of
    several processes that fetch the same file, one downloads and the others wait. A checksum that is not
    in :data:`PUBLIC_FILES` comes from the record's listing and is kept in ``<file>.md5``, in the format of
    ``md5sum``, so that later calls need no network.

    Parameters
    ----------
    name : str
        A key of :data:`PUBLIC_FILES`, or the file's own name.
    cache : path, optional
        Folder for downloads, see :func:`cache_folder`.
    base_url : str, optional
        A mirror; the file's name is appended to it. Checksums never come from there.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        If the name is unknown, the server does not deliver, the record does not list the file with an
        md5, the disk is full, or the checksum differs.
    """
    by_file = {entry.file: entry for entry in PUBLIC_FILES.values()}
    entry = PUBLIC_FILES.get(name) or by_file.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, PUBLIC_FILES, n=1)
        meant = f"did you mean {near[0]!r}? Known" if near else "known"
        raise InputError(f"no public sample is called {name!r}; {meant} are {', '.join(PUBLIC_FILES)}")
    folder = cache_folder(cache).expanduser().resolve()
    url = f"{(base_url or entry.record).rstrip('/')}/{entry.file}"
    target = folder / entry.file
    from bumphunt.locks import locked
    from bumphunt.sources.checksums import kept, published

    try:
        if _complete(target, _sum(entry.sha256, entry.md5 or kept(target))):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name(f"{target.name}.lock")):
            size, md5 = entry.size, entry.md5
            if entry.sha256 is None and md5 is None:
                size, md5 = published(target, entry.record)
            return _retrieve(url, target, size=size, wanted=_sum(entry.sha256, md5), progress=progress)
    except OSError as error:
        raise InputError(
            f"{url}: cannot be kept in {folder} ({reason(error)}); check the folder, or set {CACHE_VARIABLE}"
        ) from error


def _sum(sha256: str | None, md5: str | None) -> str:
    """Return the stronger checksum that is known, as pooch writes it; empty where none is."""
    return f"sha256:{sha256}" if sha256 is not None else f"md5:{md5}" if md5 is not None else ""


def _complete(path: Path, wanted: str) -> bool:
    if not wanted or not path.is_file():
        return False
    import pooch

    algorithm, _, digest = wanted.partition(":")
    if pooch.file_hash(str(path), alg=algorithm) != digest:
        return False
    with contextlib.suppress(OSError):  # left by a process that was killed at the very end
        path.with_name(f"{path.name}.part").unlink(missing_ok=True)
    return True


def _retrieve(url: str, target: Path, *, size: int | None, wanted: str, progress: bool) -> Path:
    """Let pooch fetch into its temporary file, verify and rename; the bytes come through ``.part``."""
    import pooch

    from bumphunt.sources.checksums import forget
    from bumphunt.sources.download import download

    part = target.with_name(f"{target.name}.part")

    def downloader(url: str, output_file: str, _: object) -> None:
        with _Bar(target.name, shown=progress) as bar:
            download(url, part, size=size, report=bar)
        # a second name for the same bytes: if pooch is interrupted while it sums, the download is not lost
        Path(output_file).unlink(missing_ok=True)
        try:
            os.link(part, output_file)
        except OSError:  # no hard links on this file system
            os.replace(part, output_file)

    quiet = pooch.get_logger()
    level = quiet.level
    quiet.setLevel("WARNING")
    try:
        pooch.retrieve(url, wanted, fname=target.name, path=target.parent, downloader=downloader)
    except ValueError as error:
        part.unlink(missing_ok=True)
        forget(target)  # the sum itself may have been wrong
        algorithm, _, digest = wanted.partition(":")
        others = [found for found in re.findall(rf"\b[0-9a-f]{{{len(digest)}}}\b", str(error)) if found != digest]
        raise InputError(
            f"{url}: the download is not the published file: its {algorithm} is {others[-1] if others else 'another'}, "
            f"but {digest} is published; it has been deleted, so try again"
        ) from error
    finally:
        quiet.setLevel(level)
    part.unlink(missing_ok=True)
    return target


class _Bar:
    """A progress bar, called with the bytes so far and in total."""

    def __init__(self, text: str, *, shown: bool) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn(text), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, disable=not shown, transient=True)
        self._task = self._progress.add_task(text, total=None)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def __call__(self, arrived: int, total: int | None) -> None:
        self._progress.update(self._task, completed=arrived, total=total)
