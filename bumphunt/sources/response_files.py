"""Files that ``bumphunt response`` makes: arrays of simulated signal, recognised by what they say of themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.files import file_sha256, reason

FORMAT = "bumphunt response 1"
"""What such a file says it is."""
LARGEST = 4_000_000_000
"""Bytes of a file above which it is no response."""


def not_a_response(name: str) -> InputError:
    """Return the refusal of a file that is something else, or damaged."""
    return InputError(f"{name} is no response; make one with `bumphunt response SIGNAL... --output FILE`")


def version_of(name: str) -> tuple[int, int]:
    """Return size and time of the last change of a file, by which one knows whether it has to be read again.

    Raises
    ------
    InputError
        If there is no such file.
    """
    try:
        state = Path(name).stat()
    except (OSError, ValueError) as error:
        raise InputError(
            f"masses.response: cannot read {name}: {reason(error) if isinstance(error, OSError) else error}; give "
            "'shipped' or a file made by `bumphunt response`"
        ) from error
    return state.st_size, state.st_mtime_ns


def read_arrays(name: str) -> tuple[dict[str, npt.NDArray[Any]], str]:
    """Return the arrays of a file by name, and its checksum.

    Raises
    ------
    InputError
        If it is no response.
    """
    if version_of(name)[0] > LARGEST:
        raise not_a_response(name)
    try:
        with Path(name).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if str(stored["format"]) != FORMAT:
                raise not_a_response(name)
            return {key: stored[key] for key in stored.files}, file_sha256(name)
    except Exception as error:  # numpy and zipfile raise anything from KeyError to zlib.error on a damaged file
        raise not_a_response(name) from error
