"""Downloads over HTTP that go on where they broke off, also in a later call or another process."""

import errno
import logging
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from bumphunt.errors import InputError
from bumphunt.sources.layouts import one_line

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""Failures in a row after which a download gives up; :data:`PROGRESS` new bytes start the count anew."""
WAIT = 1.0
"""Seconds before the second attempt; doubled for each further one."""
PROGRESS = 1 << 20
"""Bytes beyond the furthest point so far that make an attempt count as a success."""
TIMEOUT = 60.0
"""Seconds of silence after which a connection counts as broken."""
_LONGEST_WAIT = 60.0
_BLOCK = 1 << 18
_BUSY = (408, 425, 429)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_TEMPORARY = (
    *(requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError),
    *(ConnectionError, TimeoutError),
)

Report = Callable[[int, int | None], None]
"""Called with the bytes that have arrived, and the bytes of the whole file where known."""


class _AgainError(Exception):
    """A failure that may be gone in a moment; ``wait`` in seconds where the server asks for a pause."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def readable(size: int) -> str:
    """Return a number of bytes in decimal units.

    Examples
    --------
    >>> readable(2_908_260_409), readable(740)
    ('2.91 GB', '740 bytes')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def download(url: str, part: Path, *, size: int | None = None, report: Report | None = None) -> None:
    """Bring ``part`` to its full length, beginning with what is there already.

    The rest is asked for with an HTTP range request. A server that does not know ranges, that has less
    than is here, or whose file is not ``size`` long makes the download start anew. Broken connections,
    silence, short bodies and answers 408, 425, 429 and 5xx are tried again :data:`ATTEMPTS` times with
    growing pauses; whatever happens, what has arrived stays in ``part``. The content is not verified.

    Parameters
    ----------
    url : str
        What to fetch.
    part : Path
        The file that grows; no other process may write to it (see :func:`bumphunt.locks.locked`).
    size : int, optional
        Bytes of the whole file as published; the server's own word otherwise.
    report : callable, optional
        Told of the progress, see :data:`Report`.

    Raises
    ------
    InputError
        If the server refuses, goes on failing, or offers a file of another size, or the disk is full.
    """

    def step() -> None:
        _receive(url, part, size, report)

    if size is not None:
        _check_space(url, part, size)
    try:
        _repeat(step, lambda: _length(part))
    except _AgainError as error:
        raise InputError(f"{url}: cannot be downloaded ({error}); {_remainder(part, size)}") from error
    except requests.RequestException as error:
        raise InputError(
            f"{url}: cannot be downloaded ({one_line(error)}); check the address and the network"
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(f"{part}: the disk is full; free some space: {_remainder(part, size)}") from error
        raise


def get_json(url: str) -> Any:
    """Return a JSON document, asked for as patiently as :func:`download` does.

    Raises
    ------
    InputError
        If the server refuses or goes on failing, or the answer is no JSON.
    """

    def ask() -> Any:
        try:
            answer = requests.get(url, headers={"Accept": "application/json"}, timeout=TIMEOUT)
        except _TEMPORARY as error:
            raise _AgainError(_reason(error)) from error
        _check_status(answer)
        return answer.json()

    try:
        return _repeat(ask, lambda: 0)
    except (_AgainError, requests.RequestException) as error:
        # requests.JSONDecodeError is one of them, too
        raise InputError(f"{url}: cannot be read ({one_line(error)}); check the network and try again") from error


def _repeat(step: Callable[[], Any], position: Callable[[], int]) -> Any:
    furthest, failures = position(), 0
    while True:
        try:
            return step()
        except _AgainError as error:
            failures = 1 if position() >= furthest + PROGRESS else failures + 1
            furthest = max(furthest, position())
            if failures >= ATTEMPTS:
                raise
            wait = min(max(WAIT * 2 ** (failures - 1), error.wait), _LONGEST_WAIT)
            logger.warning("%s; attempt %d of %d in %.0f s", error, failures + 1, ATTEMPTS, wait)
            time.sleep(wait)


def _receive(url: str, part: Path, size: int | None, report: Report | None) -> None:
    """Ask once for what is missing, and append it."""
    have = _length(part)
    if size is not None and have == size:
        return
    # a compressed body has other offsets than the file
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
                if size is not None or _content_range(answer)[1] != have:
                    _start_anew(part, "the server has less than is here")
                return
            _check_status(answer)
            start, total = _content_range(answer) if answer.status_code == requests.codes.partial else (0, None)
            if start == 0 and total is None:
                total = _content_length(answer)
                if size is not None and total is not None and total != size:
                    raise InputError(f"{url}: offers {total} bytes, but {size} are published; try again or elsewhere")
            elif start != have or (size is not None and total is not None and total != size):
                _start_anew(part, "the server's file has changed")
            if size is None and total is not None:
                _check_space(url, part, total)
            total = size if size is not None else total
            with part.open("ab" if start else "wb") as file:
                arrived = start
                for block in answer.iter_content(_BLOCK):
                    file.write(block)
                    arrived += len(block)
                    if report is not None:
                        report(arrived, total)
    except _TEMPORARY as error:
        raise _AgainError(_reason(error)) from error
    if total is not None and arrived < total:
        raise _AgainError(f"the connection closed after {arrived} of {total} bytes")
    if total is not None and arrived > total:
        _start_anew(part, "more arrived than was announced")


def _reason(error: Exception) -> str:
    """Return what happened, out of the layers that requests and urllib3 wrap around it."""
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    inner = getattr(error.args[0], "reason", None) if error.args else None
    return re.sub(r"^HTTPS?Connection\w*\([^)]*\): ", "", one_line(inner or error))


def _check_status(answer: requests.Response) -> None:
    if answer.status_code >= 500 or answer.status_code in _BUSY:
        pause = answer.headers.get("Retry-After", "")
        raise _AgainError(f"{answer.status_code} {answer.reason}", wait=float(pause) if pause.isdecimal() else 0.0)
    answer.raise_for_status()


def _start_anew(part: Path, reason: str) -> None:
    part.unlink(missing_ok=True)
    raise _AgainError(f"{reason}; starting anew")


def _content_range(answer: requests.Response) -> tuple[int, int | None]:
    """Return first byte and total of ``bytes 10-99/100``; -1 and None where not given."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    if found is None:
        return -1, None
    first, total = found.groups()
    return int(first) if first else -1, int(total) if total.isdecimal() else None


def _content_length(answer: requests.Response) -> int | None:
    length = answer.headers.get("Content-Length", "")
    plain = answer.headers.get("Content-Encoding", "identity") == "identity"
    return int(length) if length.isdecimal() and plain else None


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _check_space(url: str, part: Path, size: int) -> None:
    missing, free = size - _length(part), shutil.disk_usage(part.parent).free
    if missing > free:
        raise InputError(
            f"{url}: needs {readable(missing)} more in {part.parent}, where {readable(free)} are free; "
            "make room, or choose another folder"
        )


def _remainder(part: Path, size: int | None) -> str:
    have = _length(part)
    if not have:
        return "nothing has arrived yet; check the network and repeat the command"
    of = f" of {size} bytes" if size is not None else " bytes"
    return f"{have}{of} are there, and repeating the command continues from there"
