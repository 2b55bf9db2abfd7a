"""Recognises raw particles of the LHC Olympics; :mod:`bumphunt.sources.lhco` reads them a chunk at a time."""

from bumphunt.errors import InputError
from bumphunt.sources.hdf5 import RAW_COLUMNS, frame_in
from bumphunt.sources.layouts import Location, Reading


def matches(location: Location) -> bool:
    """Return whether the file is a frame as wide as 700 particles."""
    with frame_in(location) as frame:
        return frame is not None and len(frame.columns) in RAW_COLUMNS


def read(location: Location) -> Reading:
    """Refuse: particles must be clustered."""
    raise InputError(f"{location}: raw particles are no table; cluster them with `bumphunt features`")
