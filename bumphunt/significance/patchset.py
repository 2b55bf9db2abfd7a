"""One background, many signals: a background-only workspace and a pyhf patch set with one patch per mass."""

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]

NO_RECORD = "ins0000000"
"""The schema asks for a HEPData record; this stands for none."""


def build_patchset(
    workspace: dict[str, Any],
    signals: Mapping[float, dict[str, Any]],
    *,
    description: str,
    hepdata: str = NO_RECORD,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the background-only workspace and the patch set whose patches add a signal to it.

    Parameters
    ----------
    workspace : dict
        Any one of the workspaces, from :func:`bumphunt.significance.workspace.build_workspace`.
    signals : mapping of float to dict
        For each mass in GeV the workspace built with its signal on the same background.
    description : str
        What the signals are.
    hepdata : str
        The HEPData record, ``ins`` and seven digits.

    Raises
    ------
    InputError
        If there is no signal, or one was built on another background.

    Notes
    -----
    ``pyhf patchset apply background.json patchset.json --name resonance_4000`` gives the workspace back.
    """
    if not signals:
        raise InputError("a patch set needs at least one mass")
    background = copy.deepcopy(workspace)
    samples = background["channels"][0]["samples"]
    samples[:] = [sample for sample in samples if sample["name"] != "signal"]
    background["measurements"][0]["config"]["parameters"][0]["bounds"] = [[0.0, _bound(signals)]]
    patches = []
    for mass, built in sorted(signals.items()):
        others = [sample for sample in built["channels"][0]["samples"] if sample["name"] != "signal"]
        if others != samples or built["observations"] != workspace["observations"]:
            raise InputError(f"the workspace at {mass:g} GeV has another background; build all from one fit")
        signal = next(sample for sample in built["channels"][0]["samples"] if sample["name"] == "signal")
        patches.append(
            {
                "metadata": {"name": f"resonance_{mass:.0f}", "values": [float(mass)]},
                "patch": [{"op": "add", "path": "/channels/0/samples/0", "value": signal}],
            }
        )
    digest = hashlib.sha256(json.dumps(background, sort_keys=True, ensure_ascii=False).encode("utf8")).hexdigest()
    return background, {
        "metadata": {
            "references": {"hepdata": hepdata},
            "digests": {"sha256": digest},
            "labels": ["mass_GeV"],
            "description": description,
        },
        "patches": patches,
        "version": "1.0.0",
    }


def _bound(signals: Mapping[float, dict[str, Any]]) -> float:
    """Return an upper bound of mu that is wide enough for every signal."""
    parts = (built["measurements"][0]["config"]["parameters"][0]["bounds"][0][1] for built in signals.values())
    return float(max(parts))
