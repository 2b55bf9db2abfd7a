"""One background, many signals: a background-only workspace and a pyhf patch set with one patch per mass."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bumphunt.errors import InputError
from bumphunt.results import SpectrumFit
from bumphunt.results.rounding import mass_range
from bumphunt.significance.workspace import EVENTS_PER_MU, build_workspace, labelled, resonance_signal

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


def resonance_patchset(
    fit: SpectrumFit,
    *,
    masses: Sequence[float],
    width: float,
    channel: str,
    efficiency_error: float = 0.0,
    label: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return background and patch set of narrow resonances at several masses in the window of one fit.

    Parameters
    ----------
    fit : SpectrumFit
        Background with a window masked that is wide enough for all masses.
    masses : sequence of float
        GeV, each within the window.
    width : float
        Resolution as a fraction of the mass.
    channel : str
        Name of the channel.
    efficiency_error : float
        Relative error of the signal's efficiency.
    label : str
        Names the events, as in :func:`bumphunt.significance.workspace.labelled`.

    Raises
    ------
    InputError
        If a mass lies outside the window.
    """
    inside = np.flatnonzero(fit.window)
    if len(inside) == 0:
        raise InputError("the fit has no window, so there is nothing to test for signal")
    low, high = float(fit.edges[inside[0]]), float(fit.edges[inside[-1] + 1])
    outside = [mass for mass in masses if not low < mass < high]
    if outside:
        raise InputError(f"mass {outside[0]:g} GeV lies outside the window, {mass_range(low, high, ' to ')} GeV")
    signals = {
        float(mass): build_workspace(
            fit,
            resonance_signal(fit.edges, mass=mass, width=width),
            channel=channel,
            efficiency_error=efficiency_error,
        )
        for mass in masses
    }
    if not signals:
        raise InputError("a patch set needs at least one mass")
    if label:
        signals = {mass: labelled(built, label) for mass, built in signals.items()}
    description = f"narrow resonances, resolution {width:.1%}; mu = 1 stands for {EVENTS_PER_MU:g} events"
    return build_patchset(next(iter(signals.values())), signals, description=description)
