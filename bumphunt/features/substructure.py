"""N-subjettiness ratios and mass drop of jets given as lists of constituents."""

from dataclasses import dataclass

import numpy as np

from bumphunt.features import jets
from bumphunt.features.jets import FloatArray, Momenta
from bumphunt.features.nsubjettiness import contrib_taus, taus

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


def substructure(constituents: Momenta, *, axes: str = AXES, measure: str = MEASURE) -> Substructure:
    """Return tau21, tau32 and the mass drop of each jet.

    Parameters
    ----------
    constituents : Momenta
        Constituents of each jet.
    axes, measure : str
        fastjet-contrib names of the N-subjettiness axes and measure.

    Returns
    -------
    Substructure
        Jets of no or one particle have both ratios 0 and mass drop 1; N axes through at most N
        particles make tau_N exactly 0. Never NaN.
    """
    counts = constituents.counts
    tau21, tau32 = np.zeros(len(counts)), np.zeros(len(counts))
    massdrop = np.ones(len(counts))
    several = counts > 1
    if several.any():
        chosen = constituents.select(several)
        values = _taus(chosen, axes=axes, measure=measure)
        number = chosen.counts[:, None]
        values = np.nan_to_num(np.where(number > np.array([1, 2, 3]), np.maximum(values, 0.0), 0.0))
        tau21[several] = values[:, 1] / (values[:, 0] + OFFSET)
        tau32[several] = values[:, 2] / (values[:, 1] + OFFSET)
        massdrop[several] = _massdrop(chosen)
    return Substructure(tau21=tau21, tau32=tau32, massdrop=massdrop)


def _taus(constituents: Momenta, *, axes: str, measure: str) -> FloatArray:
    values = np.full((len(constituents), 3), np.nan)
    usual = (constituents.counts >= _ENOUGH) & ((axes, measure) == (AXES, MEASURE))
    if usual.any():
        values[usual] = taus(constituents.select(usual), radius=jets.RADIUS)
    rest = np.isnan(values[:, 0])
    if rest.any():
        filled = _with_ghosts(constituents.select(rest))
        values[rest] = contrib_taus(filled, measure=measure, axes=axes, beta=BETA, radius=jets.RADIUS)
    return values


def _massdrop(constituents: Momenta) -> FloatArray:
    whole = jets.mass(jets.total(constituents))
    # the two subjets before the last Cambridge/Aachen step
    halves = jets.exclusive(jets.recluster(constituents, algorithm="cambridge"), 2)
    heavier = jets.mass(halves).max(axis=1)
    # Collinear massless particles give 0/0: nothing was dropped.
    return np.where(whole > 1e-6, np.minimum(heavier / np.maximum(whole, 1e-6), 1.0), 1.0)


def _with_ghosts(constituents: Momenta) -> Momenta:
    """Fill jets of fewer than four particles with momenta too small to matter, which fastjet needs."""
    few = constituents.counts < _ENOUGH
    if not few.any():
        return constituents
    angle = 2.0 * np.pi * np.arange(_ENOUGH) / _ENOUGH
    ghosts = jets.massless(np.full(_ENOUGH, _GHOST), 0.3 * np.cos(angle), angle, counts=[_ENOUGH])
    ends = np.repeat((constituents.starts + constituents.counts)[few], _ENOUGH)
    columns = (
        np.insert(column, ends, np.tile(ghost, few.sum()))
        for column, ghost in zip(constituents.columns, ghosts.columns, strict=True)
    )
    px, py, pz, energy = columns
    return Momenta(px=px, py=py, pz=pz, energy=energy, counts=constituents.counts + _ENOUGH * few)
