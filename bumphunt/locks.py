"""One process at a time in a folder or at a file."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bumphunt.errors import InputError

logger = logging.getLogger(__name__)

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def locked(path: str | Path, *, refusal: str | None = None) -> Iterator[None]:
    """Let one process in at a time.

    The operating system holds the lock on ``path`` and drops it with the process, however that ends. The empty
    file stays, because whoever waits for it must wait for the same file.

    Parameters
    ----------
    path : path
        The file to lock, made if missing; a link is not followed.
    refusal : str, optional
        What to say to a process that comes second; it waits otherwise.

    Raises
    ------
    InputError
        If another process holds the lock, where ``refusal`` is given.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    try:
        try:
            lock.acquire()
        except Timeout:
            if refusal is not None:
                raise InputError(refusal) from None
            logger.warning("%s: another process is at work; waiting for it", path)
            lock.acquire(timeout=-1)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logger.warning("%s: no file locks here (%s)", path, error.strerror)
    try:
        yield
    finally:
        lock.release()
