"""Hard processes of the LHC Olympics through Pythia 8: QCD dijets, and a resonance Z' -> X Y -> qq qq."""

import logging
from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np

from bumphunt.errors import InputError, MissingExtraError

logger = logging.getLogger(__name__)

BEAM_ENERGY = 13000.0
"""Centre-of-mass energy in GeV."""
PTHAT_MIN = 1100.0
"""Least transverse momentum of the hard scattering in GeV; 1100 reproduces the turn-on of the official R&D
sample in the pT of both leading jets, 1000 and 1150 do not."""
WIDTHS = (0.01, 0.015, 0.005)
"""Widths of Z', X and Y over their masses, narrow; they reproduce the peaks of the official R&D sample."""
_SEEDS = 900_000_000  # Pythia takes 1 to 9e8; 0 would mean the clock
_NEUTRINOS = (12, 14, 16)
_COMMON = (
    "Print:quiet = on",
    f"Beams:eCM = {BEAM_ENERGY}",
    "PartonLevel:MPI = off",
    # Particles that live longer than this (mm) reach the detector, as in the common Delphes set-ups.
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10",
    "Next:numberCount = 0",
)


def generator(
    *,
    masses: tuple[float, float, float] | None,
    seed: int,
    prongs: int = 2,
    shower: Sequence[str] = (),
) -> Any:
    """Return an initialised Pythia for QCD dijets or, with ``masses``, for the resonance.

    Parameters
    ----------
    masses : tuple of float, optional
        Masses of Z', X and Y in GeV. The resonance is Pythia's W' with its decay to W Z, whose two
        bosons are given the masses of X and Y and narrow widths, and decay to light quarks.
    seed : int
        Non-negative.
    prongs : int
        Quarks per daughter; only 2 is possible.
    shower : sequence of str
        Further Pythia settings, applied last.

    Raises
    ------
    InputError
        If the masses cannot be, or a setting is unknown to Pythia.
    MissingExtraError
        If pythia8mc is not installed.
    """
    try:
        import pythia8mc
    except ImportError as error:
        raise MissingExtraError("pythia8mc", "simulation", "simulating events") from error
    settings = [*_COMMON, "Random:setSeed = on", f"Random:seed = {1 + seed % _SEEDS}"]
    settings += ["HardQCD:all = on", f"PhaseSpace:pTHatMin = {PTHAT_MIN}"] if masses is None else _resonance(masses)
    check_request(masses=masses, prongs=prongs)
    pythia = pythia8mc.Pythia("", False)
    for setting in (*settings, *shower):
        if not pythia.readString(setting):
            raise InputError(f"Pythia does not know the setting {setting!r}; correct it or leave it out")
    if not pythia.init():
        raise InputError(f"Pythia cannot start with masses {masses} and settings {list(shower)}; change them")
    return pythia


def check_request(*, masses: Sequence[float] | None, prongs: int) -> None:
    """Raise :class:`InputError` unless the resonance can be made."""
    if prongs == 3:
        raise InputError("prongs is 3: three-prong decays are not implemented yet; use 2")
    if prongs != 2:
        raise InputError(f"prongs is {prongs}; use 2")
    if masses is None:
        return
    if len(masses) != 3 or not all(np.isfinite(m) and m > 0 for m in masses):
        raise InputError(f"masses are {tuple(masses)}; give three positive numbers in GeV: Z', X and Y")
    z, x, y = masses
    if not x + y < z < BEAM_ENERGY:
        raise InputError(f"masses {z:g} -> {x:g} + {y:g} GeV cannot be: X + Y < Z' < {BEAM_ENERGY:g} is needed")
    if min(x, y) < 20.0:
        raise InputError(f"masses of X and Y are {x:g} and {y:g} GeV; each must be at least 20 GeV")


def _resonance(masses: tuple[float, float, float]) -> list[str]:
    settings = ["NewGaugeBoson:ffbar2Wprime = on", "Wprime:coup2WZ = 1", "34:onMode = off", "34:onIfAll = 24 23"]
    for code, mass, relative in zip((34, 24, 23), masses, WIDTHS, strict=True):
        width = relative * mass
        settings += [
            f"{code}:m0 = {mass}",
            f"{code}:doForceWidth = on",
            f"{code}:mWidth = {width}",
            f"{code}:mMin = {max(mass - 20 * width, 1.0)}",
            f"{code}:mMax = {mass + 20 * width}",
        ]
    for code in (24, 23):  # top would be allowed by the mass of a heavy X, and is no light quark
        settings += [f"{code}:onMode = off", f"{code}:onIfAny = 1 2 3 4", f"{code}:offIfAny = 5 6"]
    return settings


def next_particles(pythia: Any, number: int) -> ak.Array:
    """Return the visible final-state particles of the next events.

    Returns
    -------
    awkward.Array
        Shape (up to ``number``, var): ``id``; ``px``, ``py``, ``pz``, ``e`` in GeV; production
        vertex ``x``, ``y``, ``z`` in metres. Neutrinos are left out.
    """
    particles = pythia.nextBatch(number).prt
    code = abs(particles.id)
    visible = particles.status > 0
    for neutrino in _NEUTRINOS:
        visible = visible & (code != neutrino)
    chosen = particles[visible]
    vertex = ak.fill_none(chosen.vProd, {"px": 0.0, "py": 0.0, "pz": 0.0, "e": 0.0}, axis=-1)
    return ak.zip(
        {
            "id": chosen.id,
            **{name: chosen.p[name] for name in ("px", "py", "pz", "e")},
            **{axis: vertex[f"p{axis}"] * 1e-3 for axis in ("x", "y", "z")},
        }
    )
