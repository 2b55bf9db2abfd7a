"""N-subjettiness ratios and mass drop of jets given as lists of constituents."""

from dataclasses import dataclass

import awkward as ak
import numpy as np

from bumphunt.features import jets
from bumphunt.features.jets import FloatArray

BETA = 1.0
"""Angular exponent of N-subjettiness."""
AXES = "OnePass_KT_Axes"
"""Axes of N-subjettiness, by their fastjet-contrib name."""
MEASURE = "NormalizedMeasure"
"""Measure of N-subjettiness, by its fastjet-contrib name; tau is in units of jet pT times radius."""
OFFSET = 1e-5
"""Keeps the ratios finite: tau21 = tau2 / (tau1 + OFFSET), tau32 = tau3 / (tau2 + OFFSET)."""

DEFINITION = {
    "jets": f"anti-kT R={jets.RADIUS:g}",
    "tau_axes": AXES,
    "tau_measure": MEASURE,
    "tau_beta": str(BETA),
    "tau_offset": str(OFFSET),
    "massdrop": "heavier subjet over jet mass, last Cambridge/Aachen step undone",
}
"""How the observables are defined; written into the metadata of files made by this package."""

_GHOST = 1e-12  # GeV; far below any particle, so that it moves no axis
_ENOUGH = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Substructure:
    """Observables of a list of jets; every array has shape (jets,)."""

    tau21: FloatArray
    tau32: FloatArray
    massdrop: FloatArray


def substructure(constituents: ak.Array, *, axes: str = AXES, measure: str = MEASURE) -> Substructure:
    """Return tau21, tau32 and the mass drop of each jet.

    Parameters
    ----------
    constituents : awkward.Array
        Shape (jets, var), records of ``px``, ``py``, ``pz``, ``E`` in GeV.
    axes, measure : str
        fastjet-contrib names of the N-subjettiness axes and measure.

    Returns
    -------
    Substructure
        Jets of no or one particle have both ratios 0 and mass drop 1; N axes through at most N
        particles make tau_N exactly 0. Never NaN.
    """
    counts = np.asarray(ak.num(constituents))
    tau21, tau32 = np.zeros(len(counts)), np.zeros(len(counts))
    massdrop = np.ones(len(counts))
    several = counts > 1
    if several.any():
        chosen = ak.to_packed(constituents[several])
        number = counts[several]
        taus = jets.njettiness(_with_ghosts(chosen), measure=measure, axes=axes, beta=BETA, radius=jets.RADIUS)
        taus = np.nan_to_num(np.where(number[:, None] > np.array([1, 2, 3]), np.maximum(taus, 0.0), 0.0))
        tau21[several] = taus[:, 1] / (taus[:, 0] + OFFSET)
        tau32[several] = taus[:, 2] / (taus[:, 1] + OFFSET)
        massdrop[several] = _massdrop(chosen)
    return Substructure(tau21=tau21, tau32=tau32, massdrop=massdrop)


def _massdrop(constituents: ak.Array) -> FloatArray:
    whole = np.asarray(jets.mass(jets.total(constituents)))
    heavier = np.asarray(ak.max(jets.mass(jets.last_step(constituents)), axis=1), dtype=np.float64)
    # Collinear massless particles give 0/0: nothing was dropped.
    return np.where(whole > 1e-6, np.minimum(heavier / np.maximum(whole, 1e-6), 1.0), 1.0)


def _with_ghosts(constituents: ak.Array) -> ak.Array:
    """Fill jets of fewer than four particles with momenta too small to matter, which fastjet needs."""
    if int(ak.min(ak.num(constituents))) >= _ENOUGH:
        return constituents
    angle = 2.0 * np.pi * np.arange(_ENOUGH) / _ENOUGH
    ghosts = jets.massless(
        ak.Array(np.full((1, _ENOUGH), _GHOST)), ak.Array(0.3 * np.cos(angle)[None]), ak.Array(angle[None])
    )
    few = ak.num(constituents) < _ENOUGH
    added = ak.Array(ghosts[np.zeros(len(constituents), dtype=int)])
    added = added[ak.broadcast_arrays(few, added.px)[0]]
    return ak.to_packed(ak.concatenate([constituents, added], axis=1))
