"""The event table of a chunk of events: two leading jets, their masses and substructure."""

import logging
import warnings

import awkward as ak
import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.events import FEATURES, LABEL
from bumphunt.features import jets
from bumphunt.features.substructure import substructure

logger = logging.getLogger(__name__)

KINEMATICS = ("ptj_lead", "etaj_lead", "ptj_sublead", "etaj_sublead")
"""Extra columns on request: pT (GeV) and pseudorapidity of the jets leading and subleading in pT."""


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
    momenta = jets.massless(particles.pt, particles.eta, particles.phi)
    constituents = jets.leading_jets(momenta)
    number = np.asarray(ak.num(constituents, axis=1))
    if warn and (number < 2).any():
        warnings.warn(
            f"{int((number < 2).sum())} of {len(number)} events have fewer than two jets; "
            "they are kept with mj2 = 0 and mjj the mass of what there is",
            stacklevel=2,
        )
    flat = ak.flatten(constituents, axis=1)
    slot = np.asarray(ak.flatten(ak.local_index(constituents, axis=1)))
    event = np.repeat(np.arange(len(number)), number)
    momentum = jets.total(flat)
    shapes = substructure(flat)

    values = {
        "mj": np.asarray(jets.mass(momentum)),
        "tau21": shapes.tau21,
        "tau32": shapes.tau32,
        "massdrop": shapes.massdrop,
        "pt": np.asarray(jets.transverse_momentum(momentum)),
        "eta": np.asarray(jets.pseudorapidity(momentum)),
    }
    by_pt = {name: np.full((len(number), 2), 1.0 if name == "massdrop" else 0.0) for name in values}
    for name, value in values.items():
        by_pt[name][event, slot] = value
    total = jets.total(ak.flatten(constituents, axis=2))

    heavier = np.argmax(by_pt["mj"], axis=1)
    rows = np.arange(len(number))
    table: dict[str, npt.NDArray[np.generic]] = {"mjj": np.asarray(jets.mass(total))}
    for column in FEATURES:
        name, jet = (column[:-1], column[-1]) if column.startswith("mj") else column.split("_")
        table[column] = by_pt[name][rows, heavier if jet == "1" else 1 - heavier]
    if kinematics:
        for slot_name, index in (("lead", 0), ("sublead", 1)):
            table[f"ptj_{slot_name}"] = by_pt["pt"][:, index]
            table[f"etaj_{slot_name}"] = by_pt["eta"][:, index]
    if label is not None:
        table[LABEL] = np.asarray(label).astype(np.int8)
    return pd.DataFrame(table)
