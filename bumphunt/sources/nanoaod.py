"""CMS NanoAOD: one entry an event, the large-radius jets in the lists ``FatJet_*`` of the tree ``Events``."""

from typing import Any

import numpy as np
import pandas as pd

from bumphunt.sources.layouts import Location, Reading
from bumphunt.sources.root_trees import open_root, trees_of

TREE = "Events"
_KINEMATICS = {"pt": "FatJet_pt", "eta": "FatJet_eta", "phi": "FatJet_phi", "mass": "FatJet_mass"}
_OPTIONAL = {
    "groomed": "FatJet_msoftdrop",
    "tau1": "FatJet_tau1",
    "tau2": "FatJet_tau2",
    "tau3": "FatJet_tau3",
}
_EVENT = ("run", "luminosityBlock", "event")


def matches(location: Location) -> bool:
    """Return whether there is a tree of events with lists of large-radius jets."""
    with open_root(location.path) as file:
        tree = _tree(file, location)
        return tree is not None and set(_KINEMATICS.values()) <= set(tree.keys())


def count(location: Location) -> int:
    """Return how many events there are."""
    with open_root(location.path) as file:
        return int(_tree(file, location).num_entries)


def read(location: Location, *, first: int = 0, last: int | None = None) -> Reading:
    """Return a row per jet: its event, kinematics and substructure; only these branches are read.

    Parameters
    ----------
    location : Location
        The file, and perhaps its tree.
    first, last : int
        Events from ``first`` up to, but not, ``last``; all by default.
    """
    with open_root(location.path) as file:
        tree = _tree(file, location)
        keys = set(tree.keys())
        wanted = {**_KINEMATICS, **{name: branch for name, branch in _OPTIONAL.items() if branch in keys}}
        lists = {name: tree[branch].array(entry_start=first, entry_stop=last) for name, branch in wanted.items()}
        flat = {
            name: np.asarray(tree[name].array(entry_start=first, entry_stop=last)) for name in _EVENT if name in keys
        }
        entries = (int(tree.num_entries) if last is None else last) - first
    import awkward as ak

    per_event = np.asarray(ak.num(lists["pt"]))
    rows = np.repeat(np.arange(entries), per_event)
    table = pd.DataFrame(
        {
            "row": first + rows,
            **{name: np.asarray(ak.flatten(values), dtype=np.float64) for name, values in lists.items()},
            **{name: values[rows] for name, values in flat.items()},
        }
    )
    table.attrs["events"] = entries
    return Reading(table=table)


def _tree(file: Any, location: Location) -> Any:
    return trees_of(file).get(location.member or TREE)
