"""The event table of a chunk of events: two leading jets, their masses and substructure."""

import logging
from dataclasses import dataclass

import awkward as ak
import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import warn_user
from bumphunt.events import FEATURES, LABEL
from bumphunt.features import jets
from bumphunt.features.jets import FloatArray, IntArray, Jets, Momenta
from bumphunt.features.substructure import substructure

logger = logging.getLogger(__name__)

KINEMATICS = ("ptj_lead", "etaj_lead", "ptj_sublead", "etaj_sublead")
"""Extra columns on request: pT (GeV) and pseudorapidity of the jets leading and subleading in pT."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dijets:
    """The two leading jets of a number of events, clustered and no more.

    Attributes
    ----------
    leading : Jets
        The jets, at most two per event.
    number : int
        Events, with or without jets.
    pt, eta : numpy.ndarray
        Shape (events, 2), in order of falling pT: pT in GeV and pseudorapidity, 0 for a missing jet.
    """

    leading: Jets
    number: int
    pt: FloatArray
    eta: FloatArray

    def select(self, events: npt.NDArray[np.bool_]) -> "Dijets":
        """Return the chosen events; ``events`` is a mask of shape (events,)."""
        chosen = events[self.leading.event]
        leading = Jets(
            constituents=self.leading.constituents.select(chosen),
            event=(np.cumsum(events) - 1)[self.leading.event[chosen]],
            slot=self.leading.slot[chosen],
        )
        return Dijets(leading=leading, number=int(events.sum()), pt=self.pt[events], eta=self.eta[events])


def padded(particles: npt.NDArray[np.floating]) -> ak.Array:
    """Return zero-padded particles as a jagged array of ``pt``, ``eta``, ``phi``.

    Parameters
    ----------
    particles : numpy.ndarray
        Shape (events, slots, 3): pT in GeV, pseudorapidity, azimuth; a slot with pT 0 is empty.
    """
    real = particles[..., 0] > 0
    counts = real.sum(axis=1)
    flat = particles[real].astype(np.float64)
    return ak.unflatten(ak.zip({"pt": flat[:, 0], "eta": flat[:, 1], "phi": flat[:, 2]}), counts)


def momenta(particles: ak.Array) -> Momenta:
    """Return the four-momenta of jagged massless particles.

    Parameters
    ----------
    particles : awkward.Array
        Shape (events, var), records of ``pt`` (GeV), ``eta`` and ``phi``.
    """
    flat = ak.flatten(particles)
    pt, eta, phi = (np.asarray(flat[name]) for name in ("pt", "eta", "phi"))
    return jets.massless(pt, eta, phi, np.asarray(ak.num(particles)))


def dijets(particles: Momenta) -> Dijets:
    """Return the two leading jets of each event, given the momenta of its particles."""
    leading, number = jets.leading_jets(particles), len(particles)
    momentum = jets.total(leading.constituents)
    pt = _by_slot(leading, number, jets.transverse_momentum(momentum))
    return Dijets(leading=leading, number=number, pt=pt, eta=_by_slot(leading, number, jets.pseudorapidity(momentum)))


def joined(parts: list[Dijets]) -> Dijets:
    """Return the events of all parts, one part after the other."""
    first: IntArray = jets.first_of(np.array([part.number for part in parts], dtype=np.int64))
    leading = Jets(
        constituents=jets.join([part.leading.constituents for part in parts]),
        event=np.concatenate([part.leading.event + start for part, start in zip(parts, first, strict=True)]),
        slot=np.concatenate([part.leading.slot for part in parts]),
    )
    pt, eta = (np.concatenate(column) for column in zip(*((part.pt, part.eta) for part in parts), strict=True))
    return Dijets(leading=leading, number=sum(part.number for part in parts), pt=pt, eta=eta)


def event_table(
    particles: ak.Array,
    *,
    label: npt.ArrayLike | None = None,
    kinematics: bool = False,
    warn: bool = True,
) -> pd.DataFrame:
    """Return one row of observables per event.

    Parameters
    ----------
    particles : awkward.Array
        Shape (events, var), records of ``pt`` (GeV), ``eta`` and ``phi`` of massless particles.
    label : array-like, optional
        Truth, shape (events,), carried through as the last column.
    kinematics : bool
        Add the columns :data:`KINEMATICS`, which the trigger and validation need.
    warn : bool
        Warn of events with fewer than two jets; off where the caller counts over many chunks.

    Returns
    -------
    pandas.DataFrame
        ``mjj`` and :data:`bumphunt.events.FEATURES`, jet 1 the heavier of the two anti-kT R=1 jets
        leading in pT. With a single jet, ``mj2`` is 0 with ratios 0 and mass drop 1, and ``mjj`` is
        the mass of that jet; without particles every mass is 0. Such events are kept, and a warning
        counts them.
    """
    pairs = dijets(momenta(particles))
    few = int((np.bincount(pairs.leading.event, minlength=pairs.number) < 2).sum())
    if warn and few:
        warn_user(
            f"{few} of {pairs.number} events have fewer than two jets; "
            "they are kept with mj2 = 0 and mjj the mass of what there is"
        )
    return dijet_table(pairs, label=label, kinematics=kinematics)


def dijet_table(pairs: Dijets, *, label: npt.ArrayLike | None = None, kinematics: bool = False) -> pd.DataFrame:
    """Return one row of observables per event of which the jets are known, as :func:`event_table` does."""
    leading, number = pairs.leading, pairs.number
    shapes = substructure(leading.constituents)
    momentum = jets.total(leading.constituents)
    by_pt = {
        "mj": _by_slot(leading, number, jets.mass(momentum)),
        "tau21": _by_slot(leading, number, shapes.tau21),
        "tau32": _by_slot(leading, number, shapes.tau32),
        "massdrop": _by_slot(leading, number, shapes.massdrop, missing=1.0),
    }
    px, py, pz, energy = (_by_slot(leading, number, component).sum(axis=1) for component in momentum)

    heavier = np.argmax(by_pt["mj"], axis=1)
    rows = np.arange(number)
    table: dict[str, npt.NDArray[np.generic]] = {"mjj": jets.mass((px, py, pz, energy))}
    for column in FEATURES:
        name, jet = (column[:-1], column[-1]) if column.startswith("mj") else column.split("_")
        table[column] = by_pt[name][rows, heavier if jet == "1" else 1 - heavier]
    if kinematics:
        for slot_name, index in (("lead", 0), ("sublead", 1)):
            table[f"ptj_{slot_name}"] = pairs.pt[:, index]
            table[f"etaj_{slot_name}"] = pairs.eta[:, index]
    if label is not None:
        table[LABEL] = np.asarray(label).astype(np.int8)
    return pd.DataFrame(table)


def _by_slot(leading: Jets, number: int, values: FloatArray, *, missing: float = 0.0) -> FloatArray:
    """Return one value per event and rank in pT, shape (number, 2)."""
    table = np.full((number, 2), missing)
    table[leading.event, leading.slot] = values
    return table
