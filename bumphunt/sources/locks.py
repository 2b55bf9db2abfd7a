"""One process at a time at a file of the cache."""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process in at a time, and others wait.

    The operating system holds the lock on ``path`` and drops it with the process, however that ends, so
    that no stale lock is ever left. The file is removed at the end. Where file locks do not exist, the
    block runs without, and the checksum is what remains.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    while True:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.warning("%s: another process is at work; waiting for it", path)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                logger.warning("%s: no file locks here (%s)", path, error.strerror)
            # whoever had the lock before has removed the file that is locked now: take the new one
            if not _same(file.fileno(), path):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
