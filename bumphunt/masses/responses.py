"""Responses by name: the one that is shipped, or one made of a user's own simulated signal."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.masses.background_jets import SHIPPED_JETS, BackgroundJets
from bumphunt.masses.constants import RESPONSE_ERROR
from bumphunt.masses.signal_table import SignalTable, load_signal, load_three_prongs, table_from
from bumphunt.sources.response_files import not_a_response, read_arrays, version_of

SHIPPED = "shipped"
"""Name of the response of the package."""
TWO_PRONGS, THREE_PRONGS, AS_SIMULATED = "two prongs", "three prongs", "as simulated"
"""Hypotheses of the decay of each daughter; the last is that of a response of one's own."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """Simulated signal that masses, yield and limits are read off.

    Parameters
    ----------
    name : str
        ``shipped``, or the path of the file.
    table : SignalTable
        Signal of the nominal detector.
    varied : SignalTable or None
        The same of another detector and shower, where it was simulated: the systematic part of the intervals.
    interpolation : tuple of float
        Relative errors of m_resonance, m_x, m_y and the efficiency from reading between the simulated points.
    sha256 : str or None
        Checksum of the file.
    hypothesis : str
        What ``table`` takes each daughter to decay to.
    others : tuple of (str, SignalTable)
        Other hypotheses, of the same detector, by name.
    background : BackgroundJets or None
        Jet masses of background of the same detector, where it was simulated.
    """

    name: str
    table: SignalTable
    varied: SignalTable | None
    interpolation: tuple[float, ...] = RESPONSE_ERROR
    sha256: str | None = None
    hypothesis: str = TWO_PRONGS
    others: tuple[tuple[str, SignalTable], ...] = ()
    background: BackgroundJets | None = None

    def of(self, hypothesis: str) -> SignalTable:
        """Return the signal of a hypothesis, that of the first one where it is not known."""
        return dict(self.others).get(hypothesis, self.table)

    def summary(self) -> dict[str, Any]:
        """Return what the result file says of it."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "points": len(self.table),
            "events_per_point": int(self.table.log_resonance.shape[1]),
            "varied": self.varied is not None,
            "background": self.background is not None,
            "interpolation": [round(error, 5) for error in self.interpolation],
        }


def background_from(stored: npt.NDArray[np.generic]) -> BackgroundJets:
    """Return the jets of background from the eight numbers of a file: two parabolas and the ends of mjj."""
    numbers = np.asarray(stored, dtype=np.float64)
    if numbers.shape != (8,) or not np.isfinite(numbers).all():
        raise ValueError("jets of background are eight numbers")
    h2, h1, h0, l2, l1, l0, low, high = numbers.tolist()
    return BackgroundJets(heavier=(h2, h1, h0), lighter=(l2, l1, l0), ends=(low, high))


def response_named(name: str) -> Response:
    """Return the shipped response, or that in a file.

    Parameters
    ----------
    name : str
        ``shipped``, or the path of a file that ``bumphunt response`` has made.

    Raises
    ------
    InputError
        If there is no such file, or it is no response.

    Examples
    --------
    >>> len(response_named("shipped").table) > 200
    True
    """
    if name == SHIPPED:
        return _shipped()
    return _read(name, version_of(name))


@cache
def _shipped() -> Response:
    return Response(
        name=SHIPPED,
        table=load_signal(),
        varied=load_signal(varied=True),
        others=((THREE_PRONGS, load_three_prongs()),),
        background=SHIPPED_JETS,
    )


@cache
def _read(name: str, _version: tuple[int, int]) -> Response:
    content, sha256 = read_arrays(name)
    try:
        table = table_from(content, varied=False)
        varied = table_from(content, varied=True) if bool(content["varied"].any()) else None
        jets = content.get("background_jets")
        background = None if jets is None else background_from(jets)
        errors = tuple(float(error) for error in json.loads(str(content["leave_one_out"]))["errors"])
    except Exception as error:  # arrays that are missing, of another shape or kind raise anything
        raise not_a_response(name) from error
    sound = (
        len(table) > 0
        and table.masses.shape[1:] == (3,)
        and len(errors) == len(RESPONSE_ERROR)
        and all(bool(np.isfinite(part).all()) for part in (table.masses, table.log_jet, table.substructure, errors))
        and bool((table.masses > 0).all())
    )
    if not sound:
        raise not_a_response(name)
    return Response(
        name=name,
        table=table,
        varied=varied,
        interpolation=errors,
        sha256=sha256,
        hypothesis=AS_SIMULATED,
        background=background,
    )
