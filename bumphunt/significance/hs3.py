"""HistFactory workspaces in HS3, the HEP statistics serialisation standard, for those who do not use pyhf.

Each workspace becomes a likelihood and an analysis of its own. They are not joined into one: the selected events are
among all events, and a joint likelihood would count them twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]

HS3_VERSION = "0.2"

FARTHEST = 5.0
"""Range of a constrained parameter in standard deviations, as pyhf has it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinnedWorkspace:
    """A pyhf workspace of one channel and the edges of its bins, in the unit of the spectrum."""

    workspace: dict[str, Any]
    edges: FloatArray


def to_hs3(parts: Mapping[str, BinnedWorkspace], *, variable: str, description: str, version: str) -> dict[str, Any]:
    """Return workspaces as one HS3 document, each with data, likelihood and analysis under its channel's name.

    Parameters
    ----------
    parts : mapping of str to BinnedWorkspace
        Workspaces of one channel each, with the modifiers ``normfactor``, ``normsys`` and ``histosys``.
    variable : str
        What is binned.
    description : str
        Of the document.
    version : str
        Of this package.

    Raises
    ------
    InputError
        If a workspace has several channels, other modifiers, or another number of bins than ``edges`` say.
    """
    document: dict[str, Any] = {
        "metadata": {
            "hs3_version": HS3_VERSION,
            "packages": [{"name": "bumphunt", "version": version}],
            "description": description,
        },
        "distributions": [],
        "data": [],
        "likelihoods": [],
        "domains": [],
        "parameter_points": [],
        "analyses": [],
    }
    for part in parts.values():
        _add(document, part, variable)
    return document


def _add(document: dict[str, Any], part: BinnedWorkspace, variable: str) -> None:
    workspace = part.workspace
    if len(workspace["channels"]) != 1:
        raise InputError(f"the workspace has {len(workspace['channels'])} channels; one is written at a time")
    channel, measurement = workspace["channels"][0], workspace["measurements"][0]["config"]
    name, contents = channel["name"], workspace["observations"][0]["data"]
    if len(contents) + 1 != len(part.edges):
        raise InputError(f"channel {name!r} has {len(contents)} bins, but {len(part.edges)} edges were given")
    # the name of an axis tells data sets apart, so that it is the channel's own
    axis = {"name": f"{variable}_{name}", "edges": [float(edge) for edge in part.edges]}
    samples = [_sample(sample) for sample in channel["samples"]]
    document["distributions"].append({"name": name, "type": "histfactory_dist", "axes": [axis], "samples": samples})
    document["data"].append({"name": f"observed_{name}", "type": "binned", "axes": [axis], "contents": list(contents)})
    document["likelihoods"].append(
        {"name": f"likelihood_{name}", "distributions": [name], "data": [f"observed_{name}"]}
    )
    settings = {each["name"]: each for each in measurement["parameters"]}
    names = dict.fromkeys(modifier["parameter"] for sample in samples for modifier in sample["modifiers"])
    bounds = {each: settings.get(each, {}).get("bounds", [[-FARTHEST, FARTHEST]])[0] for each in names}
    document["domains"].append(
        {
            "name": f"domain_{name}",
            "type": "product_domain",
            "axes": [{"name": each, "min": low, "max": high} for each, (low, high) in bounds.items()],
        }
    )
    document["parameter_points"].append(
        {
            "name": f"start_{name}",
            "parameters": [{"name": each, "value": settings.get(each, {}).get("inits", [0.0])[0]} for each in names],
        }
    )
    document["analyses"].append(
        {
            "name": f"analysis_{name}",
            "likelihood": f"likelihood_{name}",
            "parameters_of_interest": [measurement["poi"]],
            "domains": [f"domain_{name}"],
            "init": f"start_{name}",
        }
    )


def _sample(sample: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": sample["name"],
        "data": {"contents": list(sample["data"])},
        "modifiers": [_modifier(modifier) for modifier in sample["modifiers"]],
    }


def _modifier(modifier: dict[str, Any]) -> dict[str, Any]:
    """Return a modifier with the interpolation that pyhf uses unless told otherwise."""
    name, kind, data = modifier["name"], modifier["type"], modifier["data"]
    found = {"name": name, "type": kind, "parameter": name}
    if kind == "normfactor":
        return found
    if kind == "normsys":
        return {**found, "constraint": "Gauss", "data": {**data, "interpolation": "code4"}}
    if kind == "histosys":
        shifted = {side: {"contents": list(data[f"{side}_data"])} for side in ("hi", "lo")}
        return {**found, "constraint": "Gauss", "data": {**shifted, "interpolation": "code4p"}}
    raise InputError(f"modifier {name!r} is of type {kind!r}; normfactor, normsys and histosys can be written")
