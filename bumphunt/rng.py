"""One seed per run; every stage, fold and toy block draws from a stream of its own.

A stream is named by words and integers, not by the order in which work happens to be done, so a
result depends on neither the number of workers nor on what was resumed.
"""

import zlib
from collections.abc import Sequence

import numpy as np

RNGLike = np.random.Generator | np.random.SeedSequence | int | None


def stream(seed: int, *names: str | int) -> np.random.SeedSequence:
    """Return the seed sequence of the stream called ``names`` under ``seed``.

    Parameters
    ----------
    seed : int
        The seed of the run, non-negative.
    *names : str or int
        What the stream is for, for example ``("cwola", window, fold)``.

    Examples
    --------
    >>> a = stream(1, "cwola", 3).generate_state(1)
    >>> b = stream(1, "cwola", 3).generate_state(1)
    >>> bool(a == b), bool(a == stream(1, "cwola", 4).generate_state(1))
    (True, False)
    """
    key = [zlib.crc32(name.encode()) if isinstance(name, str) else int(name) for name in names]
    return np.random.SeedSequence(entropy=seed, spawn_key=tuple(key))


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a numpy generator on the stream called ``names`` under ``seed``."""
    return np.random.default_rng(stream(seed, *names))


def integer_seed(seed: int, *names: str | int) -> int:
    """Return a 31-bit integer for libraries that want a plain integer seed."""
    return int(stream(seed, *names).generate_state(1)[0] & 0x7FFFFFFF)


def integer_seeds(seed: int, count: int, *names: str | int) -> Sequence[int]:
    """Return ``count`` 31-bit integers of one stream."""
    return [int(value & 0x7FFFFFFF) for value in stream(seed, *names).generate_state(count)]
