"""Hard processes of the LHC Olympics through Pythia 8: QCD dijets, and a resonance Z' -> X Y -> qq qq or qqq qqq."""

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
WIDTHS = (0.015, 0.03, 0.03)
"""Widths of Z', X and Y over their masses that reproduce the peaks of the official R&D sample with two prongs;
those of X and Y are about the W's and Z's own. Pythia works out the width of its Z0 (here Y) itself, 2.75 % of
any mass; the third number only cuts Y off at 20 widths. Widths that are asked for are those of all three."""
THREE_PRONG_WIDTHS = (0.015, 0.03, 0.0275)
"""The same line shapes for three prongs, where every width is taken as it is given."""
MAX_WIDTH = 0.3
"""Greatest width over mass; a broader state has no peak left, and no mass that could be found."""
RESONANCE_RANGE = (2100.0, 10000.0)
"""Masses of Z' in GeV that can be made: below, fewer than 1 event in 100 passes the trigger; above, the parton
densities fill the low tail of even a narrow resonance."""
THRESHOLD = 0.95
"""Greatest sum of the masses of X and Y over that of Z'."""
_SEEDS = 900_000_000  # Pythia takes 1 to 9e8; 0 would mean the clock
_NEUTRINOS = (12, 14, 16)
_X, _Y = 9900101, 9900102  # codes free for private use
_COMMON = (
    "Print:quiet = on",
    f"Beams:eCM = {BEAM_ENERGY}",
    "PartonLevel:MPI = off",
    # K0S, Lambda and the like decay if that happens inside the tracker (mm); multiplicity, the spectrum of soft
    # tracks and the position of the mjj peak of the official R&D sample all ask for it.
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 1290",
    "ParticleDecays:zMax = 3000",
    "Next:numberCount = 0",
)


def generator(
    *,
    masses: tuple[float, float, float] | None,
    seed: int,
    prongs: int = 2,
    widths: tuple[float, float, float] | None = None,
    shower: Sequence[str] = (),
    dijet: float = 0.0,
) -> Any:
    """Return an initialised Pythia for QCD dijets or, with ``masses``, for the resonance.

    Parameters
    ----------
    masses : tuple of float, optional
        Masses of Z', X and Y in GeV; X need not be the heavier.
    seed : int
        Non-negative.
    prongs : int
        Quarks per daughter, 2 or 3.
    widths : tuple of float, optional
        Widths of Z', X and Y over their masses; otherwise those of the official R&D sample.
    shower : sequence of str
        Further Pythia settings, applied last.
    dijet : float
        Part of the decays of Z' that go to two quarks without X and Y: a resonance of two decay modes, as in the third
        black box of the LHC Olympics. With a heavy X and a light Y the other mode has three jets.

    Notes
    -----
    The resonance is Pythia's W', made from q qbar'. With two prongs it decays to W Z with the angles of that
    decay; the two bosons are given the masses of X and Y and decay to u, d, s, c. With three prongs it decays
    evenly over the sphere to two new colour singlets of spin 1/2, X+ -> u u d and Y0 -> ubar dbar sbar and
    their conjugates, evenly over three-body phase space. Their colours meet in a junction, as in R-parity
    violating supersymmetry; the one carries baryon number 1 and the other -1, so that the sum is kept.

    Lines are Breit-Wigners cut at 20 widths; where widths are given, at no more than 60 % of the mass for X
    and Y, and for Z' at 20 % or two widths, whichever is more. Parton densities fall so steeply that a broad
    Z' sits low: at 3.8 TeV its median is 0.99 of its mass for a width of 5 %, 0.97 for 10 %, 0.7 for 30 %.

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
    check_request(masses=masses, prongs=prongs, widths=widths, dijet=dijet)
    settings = [*_COMMON, "Random:setSeed = on", f"Random:seed = {1 + seed % _SEEDS}"]
    settings += (
        ["HardQCD:all = on", f"PhaseSpace:pTHatMin = {PTHAT_MIN}"]
        if masses is None
        else _resonance(masses, prongs=prongs, widths=widths, dijet=dijet)
    )
    pythia = pythia8mc.Pythia("", False)
    for setting in (*settings, *shower):
        if not pythia.readString(setting):
            raise InputError(f"Pythia does not know the setting {setting!r}; correct it or leave it out")
    if not pythia.init():
        raise InputError(f"Pythia cannot start with masses {masses} and settings {list(shower)}; change them")
    return pythia


def check_request(
    *, masses: Sequence[float] | None, prongs: int, widths: Sequence[float] | None = None, dijet: float = 0.0
) -> None:
    """Raise :class:`InputError` unless the resonance can be made."""
    if prongs not in (2, 3):
        raise InputError(f"prongs is {prongs}; use 2 or 3")
    if widths is not None and (len(widths) != 3 or not all(0 < width <= MAX_WIDTH for width in widths)):
        raise InputError(
            f"widths are {tuple(widths)}; give three fractions of the masses of Z', X and Y above 0 and up to "
            f"{MAX_WIDTH:g} (0.01 is 1 %), since a broader state has no peak"
        )
    if not 0 <= dijet <= 1:
        raise InputError(f"the part of decays to two quarks is {dijet:g}; give a fraction from 0 to 1")
    if masses is None:
        return
    if len(masses) != 3 or not all(np.isfinite(m) and m > 0 for m in masses):
        raise InputError(f"masses are {tuple(masses)}; give three positive numbers in GeV: Z', X and Y")
    z, x, y = masses
    if not x + y <= THRESHOLD * z:
        raise InputError(
            f"masses {z:g} -> {x:g} + {y:g} GeV cannot be: X + Y up to {THRESHOLD:g} Z' is needed, since nearer "
            "the threshold Z' is made far from its mass"
        )
    least, greatest = RESONANCE_RANGE
    if z < 20.0:
        raise InputError(f"masses are {z:g}, {x:g}, {y:g}: that looks like TeV; give GeV")
    if z < least:
        raise InputError(f"mass of Z' is {z:g} GeV: hardly an event passes the trigger; give at least {least:g}")
    if z > greatest:
        raise InputError(
            f"mass of Z' is {z:g} GeV: too near the beams' {BEAM_ENERGY:g} for a peak; give at most {greatest:g}"
        )
    if min(x, y) < 20.0:
        raise InputError(f"masses of X and Y are {x:g} and {y:g} GeV; each must be at least 20 GeV")


def _resonance(
    masses: tuple[float, float, float],
    *,
    prongs: int,
    widths: tuple[float, float, float] | None,
    dijet: float = 0.0,
) -> list[str]:
    if prongs == 2 and dijet == 0.0:
        return _two_prongs(masses, widths)
    x_quarks, y_quarks = (("2 -1",), ("2 -2", "1 -1")) if prongs == 2 else (("2 2 1",), ("-2 -1 -3",))
    return _phase_space(masses, widths or THREE_PRONG_WIDTHS, x_quarks=x_quarks, y_quarks=y_quarks, dijet=dijet)


def _two_prongs(masses: tuple[float, float, float], widths: tuple[float, float, float] | None) -> list[str]:
    settings = ["NewGaugeBoson:ffbar2Wprime = on", "Wprime:coup2WZ = 1", "34:onMode = off", "34:onIfAll = 24 23"]
    settings += _lines((34, 24, 23), masses, widths or WIDTHS, cut=widths is not None)
    if widths is not None:  # channels of a fixed share (mode 101), as Pythia's own would bring back their width
        shares = ((1, 0.28), (2, 0.22), (3, 0.28), (4, 0.22))
        first, *others = (f"Channel = 1 {share} 101 {quark} {-quark}" for quark, share in shares)
        settings += [f"23:one{first}", *(f"23:add{other}" for other in others)]
    for code in (24, 23):  # top would be allowed by the mass of a heavy X, and is no light quark
        settings += [f"{code}:onMode = off", f"{code}:onIfAny = 1 2 3 4", f"{code}:offIfAny = 5 6"]
    return settings


def _phase_space(
    masses: tuple[float, float, float],
    widths: tuple[float, float, float],
    *,
    x_quarks: Sequence[str],
    y_quarks: Sequence[str],
    dijet: float = 0.0,
) -> list[str]:
    """W' to a charged X and a neutral Y that are new to Pythia, so that no angular weight applies.

    With ``x_quarks=("2 -1",)`` and ``y_quarks=("2 -2", "1 -1")`` it is the isotropic twin of two prongs.
    """
    settings = ["NewGaugeBoson:ffbar2Wprime = on"]
    spin = 2 if len(x_quarks[0].split()) == 3 else 1  # 2s + 1
    settings += [f"{_X}:new = X+ X- {spin} 3 0 {masses[1]}", f"{_Y}:new = Y0 Ybar0 {spin} 0 0 {masses[2]}"]
    for code, channels in ((_X, x_quarks), (_Y, y_quarks), (34, (f"{_X} {_Y}",))):
        for index, products in enumerate(channels):
            verb = "add" if index else "one"
            settings.append(f"{code}:{verb}Channel = 1 {1 / len(channels)} 101 {products}")
    if dijet > 0.0:  # both modes as wide as their share says, whatever else could be
        settings += [
            f"34:oneChannel = 1 {1.0 - dijet} 101 {_X} {_Y}",
            f"34:addChannel = 1 {dijet} 101 2 -1",
        ]
    # Light ones would otherwise decay only after the shower, as hadrons do.
    settings += [f"{_X}:isResonance = on", f"{_Y}:isResonance = on"]
    return settings + _lines((34, _X, _Y), masses, widths, cut=True)


def _lines(
    codes: tuple[int, int, int],
    masses: tuple[float, float, float],
    widths: tuple[float, float, float],
    *,
    cut: bool,
) -> list[str]:
    """Breit-Wigners within 20 widths, or with ``cut`` less where that would reach far from the peak."""
    settings = []
    for code, mass, relative in zip(codes, masses, widths, strict=True):
        width = relative * mass
        reach = 20 * width
        if cut:
            # Parton densities would pile up most of a broad Z' at the low end; X and Y stay well above hadrons.
            reach = min(reach, mass * (max(0.2, 2 * relative) if code == codes[0] else 0.6))
        settings += [
            f"{code}:m0 = {mass}",
            f"{code}:doForceWidth = on",
            f"{code}:mWidth = {width}",
            f"{code}:mMin = {max(mass - reach, 1.0)}",
            f"{code}:mMax = {mass + reach}",
        ]
    return settings


def next_particles(pythia: Any, number: int) -> ak.Array:
    """Return the visible final-state particles of the next events.

    Returns
    -------
    awkward.Array
        Shape (up to ``number``, var): ``id``; ``px``, ``py``, ``pz``, ``e`` in GeV; production
        vertex ``x``, ``y``, ``z`` in metres. Neutrinos are left out.
    """
    # Of the record's 25 numbers per particle and three times as many particles, flat columns of those wanted are
    # taken; awkward's arithmetic on the jagged record, and its options, would cost as much as the detector.
    particles = pythia.nextBatch(number).prt
    ends = np.cumsum(np.asarray(ak.num(particles)))
    record = ak.flatten(particles)
    visible = np.asarray(record["status"]) > 0
    visible &= ~np.isin(np.abs(np.asarray(record["id"])), _NEUTRINOS)
    chosen = np.flatnonzero(visible)
    momentum, vertex = record["p"], record["vProd"].layout.to_IndexedOptionArray64()
    made = np.asarray(vertex.index)[chosen]
    known = made >= 0  # particles without a vertex were made at the origin
    made = np.where(known, made, 0)
    columns = {"id": np.asarray(record["id"])[chosen]}
    columns |= {name: np.asarray(momentum[name])[chosen] for name in ("px", "py", "pz", "e")}
    for axis in ("x", "y", "z"):
        place = np.asarray(ak.Array(vertex.content[f"p{axis}"]))
        columns[axis] = np.where(known, place[made] if len(place) else 0.0, 0.0) * 1e-3
    return ak.unflatten(ak.zip(columns), np.diff(np.searchsorted(chosen, ends), prepend=0))
