"""Aspen Open Jets (arXiv:2412.10504): jets of CMS open data, one row a jet, several rows an event.

``event_info`` (jets, 3) holds run, luminosity block and event number; ``jet_kinematics`` (jets, 4) pT, eta,
phi and soft-drop mass; ``jet_tagging`` (jets, 13) the number of constituents, tau1 to tau4 and scores of taggers.
"""

import numpy as np
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.sources.hdf5 import open_hdf5
from bumphunt.sources.layouts import Location, Reading

_DATASETS = {"event_info": 3, "jet_kinematics": 4}
_TAUS = {"tau1": 1, "tau2": 2, "tau3": 3}


def matches(location: Location) -> bool:
    """Return whether the file has the datasets of this layout."""
    with open_hdf5(location.path) as file:
        return all(name in file and getattr(file[name], "ndim", 0) == 2 for name in _DATASETS)


def read(location: Location) -> Reading:
    """Return a row per jet; jets of one event need not follow one another."""
    path = location.path
    with open_hdf5(path) as file:
        for name, width in _DATASETS.items():
            if file[name].shape[1] < width or len(file[name]) != len(file["event_info"]):
                raise InputError(
                    f"{path}: {name!r} has the shape {file[name].shape}, but Aspen Open Jets have ({width} columns, "
                    "one row a jet in all datasets); download it again"
                )
        info = file["event_info"][:, :3]
        kinematics = np.asarray(file["jet_kinematics"][:, :4], dtype=np.float64)
        tagging = file["jet_tagging"][:, :4] if "jet_tagging" in file else None
    if tagging is not None and len(tagging) != len(info):
        raise InputError(f"{path}: 'jet_tagging' has {len(tagging)} rows for {len(info)} jets; download it again")
    if not np.isfinite(info).all():
        raise InputError(f"{path}: 'event_info' holds NaN or infinite numbers; download it again")
    numbers = info.astype(np.int64)
    _, first, event = np.unique(numbers, axis=0, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))  # events in the order of the file
    pt, eta, phi, mass = kinematics.T
    table = pd.DataFrame(
        {
            "row": place[event.ravel()],
            "pt": pt,
            "eta": eta,
            "phi": phi,
            "mass": mass,
            **({} if tagging is None else {name: np.asarray(tagging[:, at], np.float64) for name, at in _TAUS.items()}),
            **{name: numbers[:, at] for at, name in enumerate(("run", "luminosityBlock", "event"))},
        }
    )
    table.attrs["events"] = len(first)
    return Reading(table=table, notes=("the jets' masses are those after soft drop, also in mjj",))
