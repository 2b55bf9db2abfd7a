"""The event table of reconstructed large-radius jets: the two leading in pT of each event make a dijet."""

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

OFFSET = 1e-5
"""Added to the lower tau of a ratio, as in :mod:`bumphunt.features.substructure`."""
_RATIOS = {"tau21": ("tau2", "tau1"), "tau32": ("tau3", "tau2")}
_KINEMATICS = ("row", "pt", "eta", "phi", "mass")
_TAUS = ("groomed", "tau1", "tau2", "tau3")


def dijets_of_jets(jets: pd.DataFrame) -> pd.DataFrame:
    """Return one row per event with at least two jets.

    Parameters
    ----------
    jets : pandas.DataFrame
        One row per jet, in any order: ``row`` (number of its event), ``pt``, ``eta``, ``phi``, ``mass`` (GeV);
        optionally ``groomed`` (mass after grooming), ``tau1`` to ``tau3``; whatever else there is belongs to the event.

    Returns
    -------
    pandas.DataFrame
        ``mjj`` of the two jets leading in pT from their momenta and masses; ``mj1`` and ``mj2``, the groomed masses
        where there are any (0 where grooming left nothing), jet 1 the heavier; ``tau21`` and ``tau32``; the columns
        of the event. Events in the order of ``row``.

    Examples
    --------
    >>> jets = pd.DataFrame({"row": 0, "pt": [500.0, 400.0], "eta": 0.0, "phi": [0.0, np.pi], "mass": [0.0, 0.0]})
    >>> float(dijets_of_jets(jets)["mjj"].iloc[0].round(2))
    894.43
    """
    event, pt = jets["row"].to_numpy(), jets["pt"].to_numpy(dtype=np.float64)
    order = np.lexsort((-np.nan_to_num(pt, nan=-np.inf), event))
    sorted_events = event[order]
    starts = np.flatnonzero(np.r_[True, sorted_events[1:] != sorted_events[:-1]]) if len(event) else np.array([], int)
    sizes = np.diff(np.r_[starts, len(event)])
    leading = order[starts[sizes >= 2]]
    pair = (leading, order[starts[sizes >= 2] + 1])
    columns = {
        name: tuple(jets[name].to_numpy(dtype=np.float64)[jet] for jet in pair)
        for name in (*_KINEMATICS[1:], *_TAUS)
        if name in jets.columns
    }
    masses = columns["groomed"] if "groomed" in columns else columns["mass"]
    first, second = (np.maximum(mass, 0.0) for mass in masses)  # NanoAOD writes -1 where grooming left nothing
    heavier = first >= second
    table = {
        "mjj": _pair_mass(columns),
        "mj1": np.where(heavier, first, second),
        "mj2": np.where(heavier, second, first),
    }
    for ratio, (upper, lower) in _RATIOS.items():
        if upper in columns and lower in columns:
            one, two = (columns[upper][jet] / (columns[lower][jet] + OFFSET) for jet in (0, 1))
            table[f"{ratio}_1"] = np.where(heavier, one, two)
            table[f"{ratio}_2"] = np.where(heavier, two, one)
    for name in jets.columns:
        if name not in (*_KINEMATICS, *_TAUS):
            table[str(name)] = jets[name].to_numpy()[leading]
    return pd.DataFrame(table)


def _pair_mass(columns: dict[str, tuple[FloatArray, ...]]) -> FloatArray:
    energy, px, py, pz = (np.zeros(len(columns["pt"][0])) for _ in range(4))
    for jet in (0, 1):
        pt, eta, phi, mass = (columns[name][jet] for name in _KINEMATICS[1:])
        energy += np.sqrt((pt * np.cosh(eta)) ** 2 + np.maximum(mass, 0.0) ** 2)
        px, py, pz = px + pt * np.cos(phi), py + pt * np.sin(phi), pz + pt * np.sinh(eta)
    mass_of_pair: FloatArray = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    return mass_of_pair
