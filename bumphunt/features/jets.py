"""Clustering of massless particles into large-radius jets, a whole chunk of events at a time."""

import functools
import logging
import warnings
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

RADIUS = 1.0
"""Radius parameter of the anti-kT jets (LHC Olympics convention, arXiv:2101.08320)."""
_REUNITE_RADIUS = 1000.0  # larger than any distance: exclusive clustering then ends in one jet

logger = logging.getLogger(__name__)


@functools.cache
def _fastjet() -> Any:
    """Import fastjet without the banner that it prints on first use."""
    import fastjet

    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    return fastjet


@functools.cache
def _definition(algorithm: str, radius: float) -> Any:
    fastjet = _fastjet()
    return fastjet.JetDefinition(getattr(fastjet, f"{algorithm}_algorithm"), radius)


def cluster(momenta: ak.Array, *, algorithm: str, radius: float) -> Any:
    """Return the fastjet cluster sequence of every entry of ``momenta``.

    Parameters
    ----------
    momenta : awkward.Array
        Shape (entries, var) with fields ``px``, ``py``, ``pz``, ``E`` in GeV; no entry is empty.
    algorithm : {"antikt", "cambridge", "kt"}
        The recombination algorithm.
    radius : float
        Its radius parameter.
    """
    return _fastjet()._pyjet.AwkwardClusterSequence(ak.to_packed(momenta), _definition(algorithm, radius))


def massless(pt: ak.Array, eta: ak.Array, phi: ak.Array) -> ak.Array:
    """Return the four-momenta of massless particles as records of ``px``, ``py``, ``pz``, ``E``.

    Parameters
    ----------
    pt, eta, phi : awkward.Array
        Shape (events, var); transverse momentum in GeV, pseudorapidity, azimuth in radians.
    """
    counts = ak.num(pt)
    flat_pt, flat_eta, flat_phi = (np.asarray(ak.flatten(x), dtype=np.float64) for x in (pt, eta, phi))
    flat = ak.zip(
        {
            "px": flat_pt * np.cos(flat_phi),
            "py": flat_pt * np.sin(flat_phi),
            "pz": flat_pt * np.sinh(flat_eta),
            "E": flat_pt * np.cosh(flat_eta),
        },
        with_name="Momentum4D",
    )
    return ak.unflatten(flat, counts)


def leading_jets(momenta: ak.Array, *, number: int = 2, radius: float = RADIUS) -> ak.Array:
    """Return the constituents of the leading anti-kT jets of every event.

    Parameters
    ----------
    momenta : awkward.Array
        Shape (events, var), records of ``px``, ``py``, ``pz``, ``E`` in GeV; events may be empty.
    number : int
        How many jets to keep, in order of falling transverse momentum.
    radius : float
        Radius parameter.

    Returns
    -------
    awkward.Array
        Shape (events, 0 to ``number``, var), the constituents of each jet.
    """
    filled = np.asarray(ak.num(momenta)) > 0
    if not filled.any():
        return ak.from_regular(momenta[:, np.newaxis])[:, :0]
    events = ak.to_packed(momenta[filled])
    sequence = cluster(events, algorithm="antikt", radius=radius)
    jets = sequence.inclusive_jets()
    order = ak.argsort(jets.px**2 + jets.py**2, ascending=False)[:, :number]
    index = sequence.constituent_index()[order]
    chosen = ak.unflatten(events[ak.flatten(index, axis=2)], ak.flatten(ak.num(index, axis=2)), axis=1)
    if filled.all():
        return chosen
    position = np.where(filled, np.cumsum(filled) - 1, 0)
    spread = chosen[position]
    return spread[ak.broadcast_arrays(ak.Array(filled), ak.num(spread, axis=2))[0]]


def total(momenta: ak.Array) -> ak.Array:
    """Return the summed four-momentum along the last axis."""
    return ak.zip({name: ak.sum(momenta[name], axis=-1) for name in ("px", "py", "pz", "E")})


def mass(momentum: ak.Array) -> ak.Array:
    """Return the invariant mass in GeV; rounding below zero counts as zero."""
    square = momentum.E**2 - momentum.px**2 - momentum.py**2 - momentum.pz**2
    return np.sqrt(np.maximum(square, 0.0))


def transverse_momentum(momentum: ak.Array) -> ak.Array:
    """Return the transverse momentum in GeV."""
    return np.hypot(momentum.px, momentum.py)


def pseudorapidity(momentum: ak.Array) -> ak.Array:
    """Return the pseudorapidity; along the beam it is large and finite."""
    return np.arcsinh(momentum.pz / np.maximum(transverse_momentum(momentum), 1e-9))


def last_step(momenta: ak.Array) -> ak.Array:
    """Return the two subjets before the last Cambridge/Aachen step of each entry.

    Parameters
    ----------
    momenta : awkward.Array
        Shape (jets, var), the constituents of one jet per entry, at least two each.

    Returns
    -------
    awkward.Array
        Shape (jets, 2), four-momenta.
    """
    sequence = cluster(momenta, algorithm="cambridge", radius=_REUNITE_RADIUS)
    # fastjet warns of exclusive jets for any algorithm, and replaces warnings.formatwarning on the way
    display = warnings.formatwarning
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return sequence.exclusive_jets(n_jets=2)
    finally:
        warnings.formatwarning = display


def njettiness(momenta: ak.Array, *, measure: str, axes: str, beta: float, radius: float) -> FloatArray:
    """Return tau_1, tau_2, tau_3 of each entry, shape (jets, 3); entries hold at least four particles.

    N-subjettiness after arXiv:1011.2268, computed by fastjet-contrib.
    """
    sequence = cluster(momenta, algorithm="cambridge", radius=_REUNITE_RADIUS)
    values = sequence.njettiness(
        measure_definition=measure, axes_definition=axes, njets=[1, 2, 3], beta=beta, R0=radius
    )
    return np.asarray(values, dtype=np.float64).reshape(len(momenta), 3)
