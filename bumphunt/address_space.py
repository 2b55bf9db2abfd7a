"""Work under a limit of the address space, such as ``ulimit -v`` of a batch queue.

Such a limit counts what is reserved, not what is used, and libraries reserve much: a buffer and a stack for each thread
of linear algebra, and a gigabyte for Arrow's own allocator. OpenBLAS that gets no buffer asks for one for ever, in a
loop that no signal ends. So libraries are told to be frugal before they are loaded, what the work needs is compared
with the limit before it begins, and the buffers are taken while there is room.
"""

import ctypes
import os
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

from bumphunt.errors import InputError

NEEDED = 1.2e9
"""Bytes of address space that libraries and a small table take when they are frugal (0.9e9 measured)."""
NEEDED_BY_NETWORKS = 3.5e9
"""The same with the networks of TensorFlow, which reserve much more (2.9e9 measured)."""
AMPLE = 8e9
"""Bytes from which nothing is spared, on a machine with few cores ..."""
AMPLE_PER_CORE = 0.25e9
"""... and for each core beyond, whose thread has a stack, a heap and a buffer of its own."""

FRUGAL = {
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""What libraries read when they are loaded; settings of the user are left alone."""


def limit() -> float | None:
    """Return the most bytes of address space that this process may have; None where there is no limit."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else float(soft)


def be_frugal(environment: MutableMapping[str, str]) -> None:
    """Tell libraries that are not loaded yet, here and in workers, to reserve little where space is limited."""
    allowed = limit()
    if allowed is None or allowed >= AMPLE + AMPLE_PER_CORE * (os.cpu_count() or 1):
        return
    for name, value in FRUGAL.items():
        environment.setdefault(name, value)


def check_room(needed: float = NEEDED, *, what: str = "this", remedy: str = "") -> None:
    """Refuse work that does not fit under the limit of the address space.

    Parameters
    ----------
    needed : float
        Bytes in all, of which the process may have taken a part already.
    what, remedy : str
        What needs them, and what can be done instead of raising the limit.

    Raises
    ------
    InputError
        If the limit is lower.
    """
    allowed = limit()
    if allowed is not None and allowed < needed:
        raise InputError(
            f"the address space is limited to {allowed / 1e9:.2g} GB (ulimit -v {allowed / 1024:.0f}), and {what} "
            f"needs about {needed / 1e9:.2g} GB; raise it to {needed / 1024:.0f} or more{remedy}"
        )


def take_buffers() -> None:
    """Let linear algebra take the buffers it will work in; later it might ask for them in vain, and for ever.

    Nothing is done where there is no limit.

    Raises
    ------
    InputError
        If there is no room for them left.
    """
    allowed = limit()
    if allowed is None:
        return
    import numpy as np
    from scipy.linalg import blas

    check_free(0.2e9)
    square = np.ones((300, 300))  # large enough for every thread to take part
    np.dot(square, square)
    blas.dgemm(1.0, square, square)  # scipy has a library of its own


def return_freed() -> None:
    """Give memory that is free again back to the system, which allocators keep in case it is wanted soon.

    Arrow keeps what it decoded a file into; the C library keeps columns that lie below others which are still held.
    """
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def check_free(needed: float) -> None:
    """Refuse to go on where less than so many bytes are left under the limit."""
    allowed, taken = limit(), _taken()
    if allowed is not None and allowed - taken < needed:
        raise InputError(
            f"the address space is limited to {allowed / 1e9:.2g} GB (ulimit -v {allowed / 1024:.0f}), of which "
            f"{taken / 1e9:.2g} GB are taken; raise it to {(taken + max(needed, NEEDED)) / 1024:.0f} or more"
        )


def _taken() -> float:
    """Return how many bytes of address space this process has, 0 where that is not told."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
